#include "tests/sim/history.h"

#include <fmt/format.h>

#include <algorithm>

#include "raft/base/assert.h"
#include "raft/base/status.h"

namespace cairn::sim {

using raft::RaftError;

History::Operation History::BeginWrite(std::string key) {
  const std::uint64_t known = known_[key];
  return {.key = std::move(key), .value = fmt::format("v{}", ++values_), .known = known};
}

History::Operation History::BeginRead(std::string key) {
  const std::uint64_t known = known_[key];
  return {.key = std::move(key), .value = {}, .known = known};
}

void History::Written(const Operation& operation, std::uint64_t version) {
  CAIRN_ASSERT(version > operation.known,
               "write {}={} took effect as version {}; version {} was known before", operation.key,
               operation.value, version, operation.known);
  const auto applied = value_of_.find({operation.key, version});
  CAIRN_ASSERT(applied != value_of_.end() && applied->second == operation.value,
               "write {}={} was answered with version {}, which is another write", operation.key,
               operation.value, version);
  CAIRN_ASSERT(acknowledged_.insert(operation.value).second, "write {} was answered twice", operation.value);
  known_[operation.key] = std::max(known_[operation.key], version);
}

void History::Read(const Operation& operation, const Cell& cell) {
  CAIRN_ASSERT(cell.version >= operation.known, "stale read of {}: version {} after version {} was known",
               operation.key, cell.version, operation.known);
  if (cell.version > 0) {
    const auto applied = value_of_.find({operation.key, cell.version});
    CAIRN_ASSERT(applied != value_of_.end() && applied->second == cell.value, "read of {}: {} at version {}",
                 operation.key, cell.value, cell.version);
  }
  known_[operation.key] = std::max(known_[operation.key], cell.version);
  ++reads_;
}

void History::WriteFailed(const Operation& operation, const absl::Status& status) {
  ++failures_;
  const auto error = raft::RaftErrorOf(status);
  CAIRN_ASSERT(error.has_value(), "write {}: {}", operation.value, MessageOf(status));
  switch (*error) {
    case RaftError::kLost:
    case RaftError::kNoLeader:
    case RaftError::kOverloaded:
    case RaftError::kTooLarge:
      denied_.emplace(operation.value, MessageOf(status));
      break;
    case RaftError::kUnknown:
    case RaftError::kTimeout:
    case RaftError::kStopped:
    case RaftError::kReadInterrupted:
      break;
  }
}

void History::Applied(const raft::Entry& entry, const std::optional<std::pair<std::string, Cell>>& change) {
  const auto [known, is_new] = entries_.emplace(entry.id.index, entry);
  CAIRN_ASSERT(known->second == entry, "two entries at index {}: terms {} and {}", entry.id.index,
               known->second.id.term, entry.id.term);
  if (!change) return;
  const auto& [key, cell] = *change;
  const auto [value, first] = value_of_.emplace(std::pair(key, cell.version), cell.value);
  CAIRN_ASSERT(value->second == cell.value, "{} version {}: {} and {}", key, cell.version, value->second,
               cell.value);
  const auto [place, once] = applied_values_.emplace(cell.value, entry.id.index);
  CAIRN_ASSERT(place->second == entry.id.index, "{} was applied at {} and at {}", cell.value, place->second,
               entry.id.index);
}

void History::CheckPromises() const {
  for (const std::string& value : acknowledged_) {
    CAIRN_ASSERT(applied_values_.contains(value), "acknowledged write {} is gone", value);
  }
  for (const auto& [value, why] : denied_) {
    CAIRN_ASSERT(!applied_values_.contains(value), "write {} took effect although it was denied: {}", value,
                 why);
  }
}

}  // namespace cairn::sim
