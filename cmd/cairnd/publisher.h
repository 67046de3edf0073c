#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/status/status.h>
#include <absl/synchronization/mutex.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "kv/model/member.h"
#include "raft/replica/group.h"

namespace cairn::node {

// Tells the cluster what this member is called, where its clients find it, and which incarnation it is: one
// command, proposed until it is applied here. Driven by Step(), from one thread; its proposals answer from
// others.
class Publisher {
 public:
  // `members` gives the members as applied here. Both outlive the publisher's proposals (Group::Stop).
  Publisher(raft::Group& group, std::function<std::shared_ptr<const kv::Members>()> members,
            kv::MemberInfo self)
      : group_(group),
        members_(std::move(members)),
        self_(std::move(self)),
        progress_(std::make_shared<Progress>()) {}

  // Proposes if that is needed, and asks to be called again after a while; nothing when all is done. An
  // error: the cluster does not accept this member, for a reason that waiting does not change.
  absl::Status Step(std::chrono::steady_clock::time_point now);
  [[nodiscard]] bool done() const { return done_; }

 private:
  // Shared with a proposal's callback, which may come after the publisher has gone.
  struct Progress {
    absl::Mutex mu;
    bool waiting ABSL_GUARDED_BY(mu) = false;  // A proposal has not been answered yet.
    absl::Status refused ABSL_GUARDED_BY(mu);  // The answer, if it was the applier's and not OK.
  };

  [[nodiscard]] bool IsPublished() const;
  void Propose();

  raft::Group& group_;
  const std::function<std::shared_ptr<const kv::Members>()> members_;
  const kv::MemberInfo self_;
  const std::shared_ptr<Progress> progress_;
  std::optional<std::chrono::steady_clock::time_point> retry_at_;
  bool done_ = false;
};

}  // namespace cairn::node
