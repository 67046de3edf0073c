#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "raft/core/entry.h"
#include "raft/replica/group.h"
#include "tests/sim/toy_machine.h"

namespace cairn::sim {

// What the clients of a simulated cluster did and saw, checked on the way.
//
// Every written value is unique, and the store counts the writes of each key, so the order in which writes
// took effect is known and linearizability of a key reduces to this: no operation may see, or be ordered at,
// a version below one that was known before it began; and a write comes after it. Violations assert, with the
// operation.
class History {
 public:
  // An operation from its beginning to its end.
  struct Operation {
    std::string key;
    std::string value;        // Of a write; empty for a read.
    std::uint64_t known = 0;  // The greatest version of the key that somebody had been told when it began.
  };

  [[nodiscard]] Operation BeginWrite(std::string key);
  [[nodiscard]] Operation BeginRead(std::string key);
  void Written(const Operation& operation, std::uint64_t version);
  void Read(const Operation& operation, const Cell& cell);
  // kLost, kNoLeader, kOverloaded and kTooLarge promise that the write never happens.
  void WriteFailed(const Operation& operation, const absl::Status& status);

  // A node applied an entry: all nodes apply the same ones, and each value once.
  void Applied(const raft::Entry& entry, const std::optional<std::pair<std::string, Cell>>& change);

  // At the end, when every node has applied everything.
  void CheckPromises() const;

  [[nodiscard]] std::uint64_t writes_acknowledged() const { return acknowledged_.size(); }
  [[nodiscard]] std::uint64_t reads() const { return reads_; }
  [[nodiscard]] std::uint64_t failures() const { return failures_; }
  [[nodiscard]] bool applied(const std::string& value) const { return applied_values_.contains(value); }

 private:
  std::uint64_t values_ = 0;
  std::uint64_t reads_ = 0;
  std::uint64_t failures_ = 0;
  std::map<std::string, std::uint64_t> known_;  // By key: the greatest version told to a client.
  std::map<raft::Index, raft::Entry> entries_;
  std::map<std::pair<std::string, std::uint64_t>, std::string> value_of_;  // (key, version) as applied.
  std::map<std::string, raft::Index> applied_values_;
  std::set<std::string> acknowledged_;
  std::map<std::string, std::string> denied_;  // Values that were promised never to be written, and why.
};

}  // namespace cairn::sim
