#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "etcd/rpc.pb.h"
#include "kv/watch/hub.h"

namespace cairn::kv {

inline std::string Flatten(const EncodedMessage& message) {
  std::string bytes;
  for (const Bytes& piece : message) bytes.append(piece.view);
  return bytes;
}

// "5:PUT a=1, DELETE b": the revision in the header and the events, for short expectations.
std::string Describe(const etcdserverpb::WatchResponse& response);

struct WatchSpec {
  std::string key = {};
  std::string range_end = {};
  std::int64_t start_revision = 0;
  std::int64_t watch_id = 0;
  bool prev_kv = false;
  bool fragment = false;
  bool progress_notify = false;
  bool no_put = false;
  bool no_delete = false;
};

// A stream as a transport drives it.
class TestClient {
 public:
  explicit TestClient(Hub& hub) : stream_(hub.OpenStream([this] { ++wakes_; })) {}

  void Create(const WatchSpec& spec);
  void Cancel(std::int64_t watch_id);
  void RequestProgress();
  void SendEmpty() { stream_->Handle({}); }

  // Create(), and the response to it, which must be next.
  etcdserverpb::WatchResponse Created(const WatchSpec& spec);

  // The next response; nothing if there is none now.
  std::optional<etcdserverpb::WatchResponse> Take();
  // Describe() of everything there is.
  std::vector<std::string> TakeAll();

  [[nodiscard]] int wakes() const { return wakes_; }
  WatchStream& stream() { return *stream_; }
  void Close() { stream_.reset(); }

 private:
  std::atomic<int> wakes_{0};
  std::unique_ptr<WatchStream> stream_;
};

inline MemberIdentity TestIdentity() {
  return {.cluster_id = 77, .member_id = 11, .raft_term = [] { return std::uint64_t{3}; }};
}

}  // namespace cairn::kv
