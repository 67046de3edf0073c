#include "raft/core/well_formed.h"

#include <cstdint>
#include <variant>

#include "raft/core/member_config.h"

namespace cairn::raft {
namespace {

// No cluster gets there by counting; whoever was taken further could not campaign any more, for want of a
// next term.
constexpr Term kLastTerm{std::uint64_t{1} << 63};

bool IsWellFormed(Term term, const AppendRequest& request) {
  if (request.previous.term > term) return false;
  EntryId before = request.previous;
  ClusterTime time;
  for (const Entry& entry : request.entries) {
    if (entry.id.index != Next(before.index) || entry.id.term < before.term || entry.id.term > term)
      return false;
    if (entry.time < time) return false;
    if (entry.kind == EntryKind::kMembership && !DecodeMembership(entry.payload.bytes()).ok()) return false;
    before = entry.id;
    time = entry.time;
  }
  return true;
}

bool IsWellFormed(Term term, const InstallSnapshot& request) {
  return request.meta.last.index > Index{} && request.meta.last.term <= term &&
         request.meta.config.IsValid() && !request.meta.config.voters.empty();
}

bool IsWellFormed(Term term, const VoteRequest& request) { return request.last_log.term < term; }

template <typename Body>
bool IsWellFormed(Term, const Body&) {
  return true;
}

}  // namespace

bool IsWellFormed(NodeId self, NodeId from, const Message& message) {
  if (from == NodeId{} || from == self || message.term == Term{} || message.term > kLastTerm) return false;
  return std::visit([&](const auto& body) { return IsWellFormed(message.term, body); }, message.body);
}

}  // namespace cairn::raft
