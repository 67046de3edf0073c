#pragma once

#include <absl/functional/any_invocable.h>
#include <absl/status/status.h>

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "raft/base/types.h"
#include "raft/replica/group.h"

namespace cairn::raft {

// Who asked for leadership to be handed over, and waits to hear that it was. Not thread-safe.
class Transfers {
 public:
  using Done = absl::AnyInvocable<void(absl::Status)>;
  using Answer = std::pair<Done, absl::Status>;

  void Add(NodeId to, std::uint64_t deadline, Done done) {
    waiting_.push_back({.to = to, .deadline = deadline, .done = std::move(done)});
  }
  void Refuse(Done done, absl::Status status) { answers_.emplace_back(std::move(done), std::move(status)); }

  void LeaderIs(NodeId leader) {
    AnswerIf([&](const Waiting& waiting) { return waiting.to == leader; }, absl::OkStatus());
  }
  void Expire(std::uint64_t tick) {
    AnswerIf([&](const Waiting& waiting) { return waiting.deadline <= tick; },
             MakeRaftError(RaftError::kTimeout, "the leader transfer took too long"));
  }
  void FailAll(RaftError error, std::string_view detail) {
    AnswerIf([](const Waiting&) { return true; }, MakeRaftError(error, detail));
  }

  [[nodiscard]] bool empty() const { return waiting_.empty(); }
  [[nodiscard]] std::vector<Answer> TakeAnswers() { return std::exchange(answers_, {}); }

 private:
  struct Waiting {
    NodeId to;
    std::uint64_t deadline;  // In ticks.
    Done done;
  };

  template <typename Predicate>
  void AnswerIf(Predicate matches, const absl::Status& status) {
    std::vector<Waiting> others;
    for (Waiting& waiting : waiting_) {
      if (matches(waiting)) {
        answers_.emplace_back(std::move(waiting.done), status);
      } else {
        others.push_back(std::move(waiting));
      }
    }
    waiting_ = std::move(others);
  }

  std::vector<Waiting> waiting_;
  std::vector<Answer> answers_;
};

}  // namespace cairn::raft
