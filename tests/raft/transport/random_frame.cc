#include "tests/raft/transport/random_frame.h"

#include <fmt/format.h>
#include <grpcpp/support/slice.h>

#include <utility>

#include "raft/base/checksum.h"

namespace cairn::raft::testing {
namespace {

// Mostly small numbers, sometimes the extremes.
std::uint64_t Number(Rng& rng) {
  switch (rng.Below(8)) {
    case 0:
      return 0;
    case 1:
      return ~std::uint64_t{0};
    case 2:
      return rng.Next();
    default:
      return rng.Below(1000);
  }
}

std::size_t Size(Rng& rng) {
  constexpr std::size_t kSizes[] = {0, 1, 17, 256, 1023, 1024, 1025, 5000, 40000};
  return kSizes[rng.Below(std::size(kSizes))];
}

EntryId Id(Rng& rng) { return {.term = Term{Number(rng)}, .index = Index{Number(rng)}}; }

ProposalId Proposal(Rng& rng) {
  // Few origins, as in life, and nobody's.
  return {.origin = rng.Below(4) * 0x9e3779b97f4a7c15, .sequence = Number(rng)};
}

AppendRequest Append(Rng& rng) {
  AppendRequest append{.previous = {.term = Term{Number(rng)}, .index = Index{rng.Below(1 << 30)}},
                       .entries = {},
                       .commit = Index{Number(rng)},
                       .time = ClusterTime{Number(rng)}};
  Index index = append.previous.index;
  for (std::uint64_t i = rng.Below(5); i > 0; --i) {
    index = Next(index);
    append.entries.push_back({.id = {.term = Term{Number(rng)}, .index = index},
                              .kind = static_cast<EntryKind>(rng.Below(3)),
                              .time = ClusterTime{Number(rng)},
                              .proposal = Proposal(rng),
                              .payload = RandomPayload(rng, Size(rng))});
  }
  return append;
}

ForwardedProposals Forwarded(Rng& rng) {
  ForwardedProposals forwarded{.term = Term{Number(rng)}, .proposals = {}};
  for (std::uint64_t i = rng.Below(4); i > 0; --i) {
    forwarded.proposals.emplace_back(Proposal(rng), RandomPayload(rng, Size(rng)));
  }
  return forwarded;
}

ForwardRefused Refused(Rng& rng) {
  ForwardRefused refused{.term = Term{Number(rng)}, .proposals = {}, .overloaded = rng.Chance(1, 2)};
  for (std::uint64_t i = rng.Below(4); i > 0; --i) refused.proposals.push_back(Proposal(rng));
  return refused;
}

std::string Text(const EntryId& id) { return fmt::format("{}/{}", id.term, id.index); }
std::string Text(const ProposalId& id) { return fmt::format("{:x}.{}", id.origin, id.sequence); }
std::string Text(const Payload& payload) {
  return fmt::format("[{} bytes {:x}]", payload.size(), payload.checksum());
}
struct BodyText {
  std::string operator()(const VoteRequest& b) const {
    return fmt::format("VoteRequest pre={} last={} transfer={} broken={}", b.pre_vote, Text(b.last_log),
                       b.leadership_transfer, b.broken_stream);
  }
  std::string operator()(const VoteReply& b) const {
    return fmt::format("VoteReply pre={} granted={}", b.pre_vote, b.granted);
  }
  std::string operator()(const AppendRequest& b) const {
    std::string text =
        fmt::format("AppendRequest prev={} commit={} time={}", Text(b.previous), b.commit, b.time);
    for (const Entry& e : b.entries) {
      text += fmt::format(" ({} kind={} time={} {} {})", Text(e.id), static_cast<int>(e.kind), e.time,
                          Text(e.proposal), Text(e.payload));
    }
    return text;
  }
  std::string operator()(const AppendReply& b) const {
    return fmt::format("AppendReply accepted={} match={} rejected={} hint={}", b.accepted, b.match,
                       b.rejected, Text(b.hint));
  }
  std::string operator()(const HeartbeatRequest& b) const {
    return fmt::format("HeartbeatRequest commit={} round={} time={}", b.commit, b.round, b.time);
  }
  std::string operator()(const HeartbeatReply& b) const { return fmt::format("HeartbeatReply {}", b.round); }
  std::string operator()(const ReadIndexRequest& b) const {
    return fmt::format("ReadIndexRequest {}", b.token);
  }
  std::string operator()(const ReadIndexReply& b) const {
    return fmt::format("ReadIndexReply {} {} {}", b.token, b.confirmed, b.index);
  }
  std::string operator()(const TimeoutNow& /*b*/) const { return "TimeoutNow"; }
  std::string operator()(const InstallSnapshot& /*b*/) const { return "InstallSnapshot"; }
};

struct MessageText {
  std::string operator()(const Message& m) const {
    return fmt::format("term={} {}", m.term, std::visit(BodyText{}, m.body));
  }
  std::string operator()(const ForwardedProposals& m) const {
    std::string text = fmt::format("term={} ForwardedProposals", m.term);
    for (const auto& [id, payload] : m.proposals) text += fmt::format(" {} {}", Text(id), Text(payload));
    return text;
  }
  std::string operator()(const ForwardRefused& m) const {
    std::string text = fmt::format("term={} ForwardRefused overloaded={}", m.term, m.overloaded);
    for (const ProposalId& id : m.proposals) text += " " + Text(id);
    return text;
  }
};

}  // namespace

Payload RandomPayload(Rng& rng, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(rng.Next());
  return Payload::FromString(std::move(bytes));
}

std::vector<PeerMessage> OneOfEachKind(Rng& rng) {
  const auto core = [&](auto body) -> PeerMessage {
    return Message{.term = Term{Number(rng)}, .body = std::move(body)};
  };
  const auto flag = [&] { return rng.Chance(1, 2); };
  std::vector<PeerMessage> all;
  all.push_back(core(VoteRequest{
      .pre_vote = flag(), .last_log = Id(rng), .leadership_transfer = flag(), .broken_stream = flag()}));
  all.push_back(core(VoteReply{.pre_vote = flag(), .granted = flag()}));
  all.push_back(core(Append(rng)));
  all.push_back(core(AppendReply{
      .accepted = flag(), .match = Index{Number(rng)}, .rejected = Index{Number(rng)}, .hint = Id(rng)}));
  all.push_back(core(HeartbeatRequest{
      .commit = Index{Number(rng)}, .round = ReadRound{Number(rng)}, .time = ClusterTime{Number(rng)}}));
  all.push_back(core(HeartbeatReply{.round = ReadRound{Number(rng)}}));
  all.push_back(core(ReadIndexRequest{.token = ReadToken{Number(rng)}}));
  all.push_back(core(
      ReadIndexReply{.token = ReadToken{Number(rng)}, .confirmed = flag(), .index = Index{Number(rng)}}));
  all.push_back(core(TimeoutNow{}));
  all.emplace_back(Forwarded(rng));
  all.emplace_back(Refused(rng));
  return all;
}

Frame RandomFrame(Rng& rng) {
  Frame frame;
  if (rng.Chance(1, 4)) {
    frame.hello = Hello{.protocol = static_cast<std::uint32_t>(rng.Next()),
                        .cluster = ClusterId{rng.Next()},
                        .member = NodeId{rng.Next()},
                        .receiver = NodeId{rng.Next()},
                        .incarnation = Incarnation{rng.Next()}};
  }
  if (rng.Chance(1, 8)) frame.refused = "a reason";
  if (rng.Chance(1, 4)) frame.ping = 1 + rng.Below(1000);
  if (rng.Chance(1, 4)) frame.pong = Frame::Pong{.ping = 1 + rng.Below(1000), .kept = Number(rng)};
  for (PeerMessage& message : OneOfEachKind(rng)) {
    if (rng.Chance(1, 3)) frame.messages.push_back(std::move(message));
  }
  return frame;
}

std::string Flatten(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  if (!buffer.Dump(&slices).ok()) return {};
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

grpc::ByteBuffer Cut(std::string_view bytes, std::size_t piece) {
  std::vector<grpc::Slice> slices;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    const std::string_view part = bytes.substr(at, piece);
    slices.emplace_back(part.data(), part.size());
  }
  return {slices.data(), slices.size()};
}

std::string WrapHeader(FrameMagic magic, std::string_view header, std::string_view payload_bytes) {
  std::string prefix;
  const auto put = [&](auto value) { prefix.append(reinterpret_cast<const char*>(&value), sizeof(value)); };
  put(static_cast<std::uint32_t>(magic));
  put(static_cast<std::uint32_t>(header.size()));
  put(std::uint64_t{payload_bytes.size()});
  put(Checksum(header, Checksum(prefix)));
  return prefix.append(header).append(payload_bytes);
}

std::string Describe(const Frame& frame) {
  std::string text;
  if (frame.hello) {
    text += fmt::format("hello {} {} {} {} {}\n", frame.hello->protocol, frame.hello->cluster,
                        frame.hello->member, frame.hello->receiver, frame.hello->incarnation);
  }
  if (!frame.refused.empty()) text += "refused " + frame.refused + "\n";
  if (frame.ping) text += fmt::format("ping {}\n", *frame.ping);
  if (frame.pong) text += fmt::format("pong {} {}\n", frame.pong->ping, frame.pong->kept);
  for (const PeerMessage& message : frame.messages) text += std::visit(MessageText{}, message) + "\n";
  return text;
}

}  // namespace cairn::raft::testing
