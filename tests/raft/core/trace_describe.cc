#include "tests/raft/core/trace_describe.h"

#include <fmt/format.h>

#include <span>
#include <variant>

#include "raft/core/core_state.h"

namespace cairn::raft {
namespace {

std::string Ids(std::span<const Entry> entries) {
  std::string text;
  for (const Entry& entry : entries) text += fmt::format(" {}", Describe(entry.id));
  return text.empty() ? " nothing" : text;
}

std::string Body(const VoteRequest& request) {
  return fmt::format("asks for {}, last {}{}{}", request.pre_vote ? "pre-vote" : "vote",
                     Describe(request.last_log), request.leadership_transfer ? ", told to by the leader" : "",
                     request.broken_stream ? ", its stream to the leader broke" : "");
}
std::string Body(const VoteReply& reply) {
  return fmt::format("{} {}", reply.pre_vote ? "pre-vote" : "vote", reply.granted ? "granted" : "refused");
}
std::string Body(const AppendRequest& request) {
  return fmt::format("append after {}:{}, commit {}", Describe(request.previous), Ids(request.entries),
                     request.commit);
}
std::string Body(const AppendReply& reply) {
  if (reply.accepted) return fmt::format("has all up to {}", reply.match);
  if (reply.rejected == Index{}) return "old term";
  return fmt::format("refused after {}, try {}", reply.rejected, Describe(reply.hint));
}
std::string Body(const HeartbeatRequest& request) {
  return fmt::format("heartbeat, commit {}, round {}", request.commit, request.round);
}
std::string Body(const HeartbeatReply& reply) {
  return fmt::format("heartbeat answer, round {}", reply.round);
}
// Tokens of forwarded reads are random; only that there is one matters.
std::string Body(const ReadIndexRequest&) { return "asks for a read index"; }
std::string Body(const ReadIndexReply& reply) {
  return reply.confirmed ? fmt::format("read index {}", reply.index) : std::string("no read index");
}
std::string Body(const TimeoutNow&) { return "campaign now"; }
std::string Body(const InstallSnapshot& install) {
  return fmt::format("snapshot {}", Describe(install.meta.last));
}

constexpr const char* kPeerStates[] = {"probe", "replicate", "snapshot"};

}  // namespace

std::string Describe(const EntryId& id) { return fmt::format("{}@{}", id.index, id.term); }

std::string Describe(const MemberConfig& config) {
  std::string text = fmt::format("voters {}", fmt::join(config.voters, ","));
  if (config.joint()) text += fmt::format(", outgoing {}", fmt::join(config.outgoing, ","));
  if (!config.learners.empty()) text += fmt::format(", learners {}", fmt::join(config.learners, ","));
  if (!config.learners_next.empty()) {
    text += fmt::format(", learners next {}", fmt::join(config.learners_next, ","));
  }
  return text;
}

std::string Describe(const Envelope& envelope) {
  return fmt::format("{}->{}: term {}: {}", envelope.from, envelope.to, envelope.message.term,
                     std::visit([](const auto& body) { return Body(body); }, envelope.message.body));
}

std::string DescribeRole(const CoreStatus& status) {
  switch (status.role) {
    case RoleName::kFollower:
      if (!status.leader) return fmt::format("follower in term {}", status.term);
      return fmt::format("follower of {} in term {}", *status.leader, status.term);
    case RoleName::kPreCandidate:
      return fmt::format("pre-candidate in term {}", status.term);
    case RoleName::kCandidate:
      return fmt::format("candidate in term {}", status.term);
    case RoleName::kLeader:
      return fmt::format("leader in term {}", status.term);
  }
  return "";
}

std::string DescribeMember(const Core& core) {
  const CoreState& state = Inspect(core);
  const CoreStatus status = core.status();
  std::string log;
  if (state.log.base().index > Index{}) log += fmt::format(" [{}]", Describe(state.log.base()));
  for (Index index = Next(state.log.base().index); index <= state.log.last().index; index = Next(index)) {
    log += fmt::format(" {}", Describe(state.log.At(index).id));
  }
  std::string text = fmt::format("{}: {}, commit {}, log{}, {}", state.self(), DescribeRole(status),
                                 status.commit, log.empty() ? " empty" : log, Describe(status.config));
  for (const PeerStatus& peer : status.peers) {
    text += fmt::format("\n   peer {}: {}, match {}, next {}{}", peer.id,
                        kPeerStates[static_cast<std::size_t>(peer.state)], peer.match, peer.next,
                        peer.refuses_acknowledged ? ", refuses what it acknowledged" : "");
  }
  return text;
}

}  // namespace cairn::raft
