#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <functional>
#include <memory>

#include "cmd/cairnd/settings.h"

namespace cairn::node {

// A running member: all parts, put together in the order in which they need each other, and taken apart in
// the opposite one. Not thread-safe; owned by main.
class Node {
 public:
  // Called at most once, from any thread, when the member cannot go on. Must not block or call the node.
  using FatalCallback = std::function<void(const absl::Status&)>;

  // Opens the data directory, recovers, joins the other members and serves. An error is a sentence for the
  // person who started it; nothing runs then.
  static absl::StatusOr<std::unique_ptr<Node>> Start(const Settings& settings, FatalCallback on_fatal);
  virtual ~Node() = default;  // As Stop() without patience, if that was not called.

  // To be called about every 100 ms: publishes what this member is until the cluster knows it, and logs who
  // leads. An error is final.
  virtual absl::Status Step(std::chrono::steady_clock::time_point now) = 0;

  // Hands leadership over, stops accepting, lets requests in flight finish, makes everything durable. After
  // `patience` what is left is cut off. The error is that of the last flush: the log still has everything.
  virtual absl::Status Stop(std::chrono::milliseconds patience) = 0;
};

}  // namespace cairn::node
