#include "raft/transport/codec.h"

#include <google/protobuf/arena.h>

#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "cairn/raft_wire.pb.h"
#include "raft/base/assert.h"
#include "raft/base/status.h"
#include "raft/transport/framing.h"
#include "raft/transport/wire_convert.h"

namespace cairn::raft {
namespace {

// Differences of counters travel as signed numbers modulo 2^64, so that any two values can be told.
std::int64_t Step(std::uint64_t from, std::uint64_t to) { return static_cast<std::int64_t>(to - from); }
std::uint64_t After(std::uint64_t from, std::int64_t step) { return from + static_cast<std::uint64_t>(step); }

absl::Status Malformed(std::string_view what) {
  return absl::DataLossError(fmt::format("a frame with a valid checksum makes no sense: {}", what));
}

// Proposal ids as columns, written one after the other.
class ProposalColumns {
 public:
  explicit ProposalColumns(wire::Proposals& out) : out_(out) {}

  void Add(const ProposalId& id) {
    out_.add_origin_of(PlaceOf(id.origin));
    out_.add_sequence_steps(Step(last_sequence_, id.sequence));
    last_sequence_ = id.sequence;
  }

 private:
  // Searched from the back: neighbours nearly always come from one process, and there are a handful at most.
  std::uint32_t PlaceOf(std::uint64_t origin) {
    for (int place = out_.origins_size(); place-- > 0;) {
      if (out_.origins(place) == origin) return static_cast<std::uint32_t>(place);
    }
    out_.add_origins(origin);
    return static_cast<std::uint32_t>(out_.origins_size() - 1);
  }

  wire::Proposals& out_;
  std::uint64_t last_sequence_ = 0;
};

absl::StatusOr<std::vector<ProposalId>> ReadProposals(const wire::Proposals& in) {
  if (in.origin_of_size() != in.sequence_steps_size()) return Malformed("columns of proposal ids differ");
  std::vector<ProposalId> ids;
  ids.reserve(static_cast<std::size_t>(in.origin_of_size()));
  std::uint64_t sequence = 0;
  for (int i = 0; i < in.origin_of_size(); ++i) {
    const std::uint32_t place = in.origin_of(i);
    if (place >= static_cast<std::uint32_t>(in.origins_size())) return Malformed("an origin is not there");
    sequence = After(sequence, in.sequence_steps(i));
    ids.push_back({.origin = in.origins(static_cast<int>(place)), .sequence = sequence});
  }
  return ids;
}

// Fills the header of one frame and remembers the payloads in the order of their bytes.
class FrameWriter {
 public:
  explicit FrameWriter(wire::FrameHeader& header) : header_(header) {}

  void Add(const PeerMessage& message) {
    wire::PeerMessage& out = *header_.add_messages();
    std::visit([&](const auto& value) { Write(value, out); }, message);
  }

  [[nodiscard]] const std::vector<const Payload*>& payloads() const { return payloads_; }

 private:
  void Write(const Message& message, wire::PeerMessage& out) {
    out.set_term(message.term.value());
    std::visit([&](const auto& body) { WriteBody(body, out); }, message.body);
  }

  void Write(const ForwardedProposals& message, wire::PeerMessage& out) {
    out.set_term(message.term.value());
    wire::ForwardedProposals& body = *out.mutable_forwarded_proposals();
    ProposalColumns ids(*body.mutable_ids());
    for (const auto& [id, payload] : message.proposals) {
      ids.Add(id);
      Write(payload, *body.mutable_payloads());
    }
  }

  void Write(const ForwardRefused& message, wire::PeerMessage& out) {
    out.set_term(message.term.value());
    wire::ForwardRefused& body = *out.mutable_forward_refused();
    body.set_overloaded(message.overloaded);
    ProposalColumns ids(*body.mutable_ids());
    for (const ProposalId& id : message.proposals) ids.Add(id);
  }

  void WriteBody(const VoteRequest& in, wire::PeerMessage& out) {
    wire::VoteRequest& body = *out.mutable_vote_request();
    body.set_pre_vote(in.pre_vote);
    ToWire(in.last_log, *body.mutable_last_log());
    body.set_leadership_transfer(in.leadership_transfer);
    body.set_broken_stream(in.broken_stream);
  }

  void WriteBody(const VoteReply& in, wire::PeerMessage& out) {
    wire::VoteReply& body = *out.mutable_vote_reply();
    body.set_pre_vote(in.pre_vote);
    body.set_granted(in.granted);
  }

  void WriteBody(const AppendRequest& in, wire::PeerMessage& out) {
    wire::AppendRequest& body = *out.mutable_append_request();
    ToWire(in.previous, *body.mutable_previous());
    body.set_commit(in.commit.value());
    body.set_time(in.time.value());
    if (!in.entries.empty()) WriteEntries(in, *body.mutable_entries());
  }

  void WriteEntries(const AppendRequest& in, wire::Entries& out) {
    const int count = static_cast<int>(in.entries.size());
    out.mutable_term_steps()->Reserve(count);
    out.mutable_kinds()->Reserve(count);
    out.mutable_time_steps()->Reserve(count);
    out.mutable_proposals()->mutable_origin_of()->Reserve(count);
    out.mutable_proposals()->mutable_sequence_steps()->Reserve(count);
    out.mutable_payloads()->mutable_lengths()->Reserve(count);
    out.mutable_payloads()->mutable_checksums()->Reserve(count);
    ProposalColumns ids(*out.mutable_proposals());
    EntryId last = in.previous;
    ClusterTime time = in.time;
    for (const Entry& entry : in.entries) {
      CAIRN_ASSERT(entry.id.index == Next(last.index), "a gap: index={} after={}", entry.id.index,
                   last.index);
      out.add_term_steps(Step(last.term.value(), entry.id.term.value()));
      out.add_kinds(static_cast<std::uint32_t>(entry.kind));
      out.add_time_steps(Step(time.value(), entry.time.value()));
      ids.Add(entry.proposal);
      Write(entry.payload, *out.mutable_payloads());
      last = entry.id;
      time = entry.time;
    }
  }

  void WriteBody(const AppendReply& in, wire::PeerMessage& out) {
    wire::AppendReply& body = *out.mutable_append_reply();
    body.set_accepted(in.accepted);
    body.set_match(in.match.value());
    body.set_rejected(in.rejected.value());
    ToWire(in.hint, *body.mutable_hint());
  }

  void WriteBody(const HeartbeatRequest& in, wire::PeerMessage& out) {
    wire::HeartbeatRequest& body = *out.mutable_heartbeat_request();
    body.set_commit(in.commit.value());
    body.set_round(in.round.value());
    body.set_time(in.time.value());
  }

  void WriteBody(const HeartbeatReply& in, wire::PeerMessage& out) {
    out.mutable_heartbeat_reply()->set_round(in.round.value());
  }

  void WriteBody(const ReadIndexRequest& in, wire::PeerMessage& out) {
    out.mutable_read_index_request()->set_token(in.token.value());
  }

  void WriteBody(const ReadIndexReply& in, wire::PeerMessage& out) {
    wire::ReadIndexReply& body = *out.mutable_read_index_reply();
    body.set_token(in.token.value());
    body.set_confirmed(in.confirmed);
    body.set_index(in.index.value());
  }

  void WriteBody(const TimeoutNow& /*in*/, wire::PeerMessage& out) { out.mutable_timeout_now(); }

  // Made by whoever received a snapshot, for the core beside it. No peer says it: there would be no state to
  // install behind the word.
  static void WriteBody(const InstallSnapshot& in, wire::PeerMessage& /*out*/) {
    CAIRN_ASSERT(false, "a snapshot at index={} on its way as a message", in.meta.last.index);
  }

  void Write(const Payload& payload, wire::Payloads& out) {
    out.add_lengths(payload.size());
    out.add_checksums(payload.checksum());
    payloads_.push_back(&payload);
  }

  wire::FrameHeader& header_;
  std::vector<const Payload*> payloads_;
};

// Reads one message; takes its payloads from the frame.
class MessageReader {
 public:
  MessageReader(const wire::PeerMessage& in, FrameReader& frame) : in_(in), frame_(frame) {}

  absl::StatusOr<PeerMessage> Read() {
    switch (in_.body_case()) {
      case wire::PeerMessage::kVoteRequest:
        return Core(Body(in_.vote_request()));
      case wire::PeerMessage::kVoteReply:
        return Core(
            VoteReply{.pre_vote = in_.vote_reply().pre_vote(), .granted = in_.vote_reply().granted()});
      case wire::PeerMessage::kAppendRequest:
        return Append(in_.append_request());
      case wire::PeerMessage::kAppendReply:
        return Core(Body(in_.append_reply()));
      case wire::PeerMessage::kHeartbeatRequest:
        return Core(Body(in_.heartbeat_request()));
      case wire::PeerMessage::kHeartbeatReply:
        return Core(HeartbeatReply{.round = ReadRound{in_.heartbeat_reply().round()}});
      case wire::PeerMessage::kReadIndexRequest:
        return Core(ReadIndexRequest{.token = ReadToken{in_.read_index_request().token()}});
      case wire::PeerMessage::kReadIndexReply:
        return Core(Body(in_.read_index_reply()));
      case wire::PeerMessage::kTimeoutNow:
        return Core(TimeoutNow{});
      case wire::PeerMessage::kForwardedProposals:
        return Forwarded(in_.forwarded_proposals());
      case wire::PeerMessage::kForwardRefused:
        return Refused(in_.forward_refused());
      case wire::PeerMessage::BODY_NOT_SET:
        break;
    }
    return Malformed("a message of an unknown kind");
  }

 private:
  [[nodiscard]] Term term() const { return Term{in_.term()}; }

  template <typename T>
  [[nodiscard]] PeerMessage Core(T body) const {
    return Message{.term = term(), .body = std::move(body)};
  }

  static VoteRequest Body(const wire::VoteRequest& in) {
    return {.pre_vote = in.pre_vote(),
            .last_log = FromWire(in.last_log()),
            .leadership_transfer = in.leadership_transfer(),
            .broken_stream = in.broken_stream()};
  }

  static AppendReply Body(const wire::AppendReply& in) {
    return {.accepted = in.accepted(),
            .match = Index{in.match()},
            .rejected = Index{in.rejected()},
            .hint = FromWire(in.hint())};
  }

  static HeartbeatRequest Body(const wire::HeartbeatRequest& in) {
    return {.commit = Index{in.commit()}, .round = ReadRound{in.round()}, .time = ClusterTime{in.time()}};
  }

  static ReadIndexReply Body(const wire::ReadIndexReply& in) {
    return {.token = ReadToken{in.token()}, .confirmed = in.confirmed(), .index = Index{in.index()}};
  }

  absl::StatusOr<PeerMessage> Append(const wire::AppendRequest& in) {
    AppendRequest out{.previous = FromWire(in.previous()),
                      .entries = {},
                      .commit = Index{in.commit()},
                      .time = ClusterTime{in.time()}};
    CAIRN_RETURN_IF_ERROR(ReadEntries(in.entries(), out));
    return Core(std::move(out));
  }

  absl::Status ReadEntries(const wire::Entries& in, AppendRequest& out) {
    const int count = in.kinds_size();
    if (in.term_steps_size() != count || in.time_steps_size() != count ||
        in.proposals().origin_of_size() != count) {
      return Malformed("columns of entries differ");
    }
    if (out.previous.index.value() >
        std::numeric_limits<std::uint64_t>::max() - static_cast<std::uint64_t>(count)) {
      return Malformed("indexes beyond the last one");
    }
    CAIRN_ASSIGN_OR_RETURN(const std::vector<ProposalId> ids, ReadProposals(in.proposals()));
    CAIRN_ASSIGN_OR_RETURN(std::vector<Payload> payloads, ReadPayloads(in.payloads(), count));
    out.entries.reserve(ids.size());
    EntryId id = out.previous;
    ClusterTime time = out.time;
    for (int i = 0; i < count; ++i) {
      if (in.kinds(i) > static_cast<std::uint32_t>(EntryKind::kMembership)) {
        return Malformed("an entry of an unknown kind");
      }
      id = {.term = Term{After(id.term.value(), in.term_steps(i))}, .index = Next(id.index)};
      time = ClusterTime{After(time.value(), in.time_steps(i))};
      const auto place = static_cast<std::size_t>(i);
      out.entries.push_back({.id = id,
                             .kind = static_cast<EntryKind>(in.kinds(i)),
                             .time = time,
                             .proposal = ids[place],
                             .payload = std::move(payloads[place])});
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<Payload>> ReadPayloads(const wire::Payloads& in, int count) {
    if (in.lengths_size() != count || in.checksums_size() != count) return Malformed("payloads are missing");
    std::vector<Payload> payloads;
    payloads.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
      CAIRN_ASSIGN_OR_RETURN(Payload payload, frame_.ReadPayload(in.lengths(i), in.checksums(i)));
      payloads.push_back(std::move(payload));
    }
    return payloads;
  }

  absl::StatusOr<PeerMessage> Forwarded(const wire::ForwardedProposals& in) {
    CAIRN_ASSIGN_OR_RETURN(const std::vector<ProposalId> ids, ReadProposals(in.ids()));
    CAIRN_ASSIGN_OR_RETURN(std::vector<Payload> payloads,
                           ReadPayloads(in.payloads(), in.ids().origin_of_size()));
    ForwardedProposals out{.term = term(), .proposals = {}};
    out.proposals.reserve(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
      out.proposals.emplace_back(ids[i], std::move(payloads[i]));
    }
    return out;
  }

  absl::StatusOr<PeerMessage> Refused(const wire::ForwardRefused& in) {
    CAIRN_ASSIGN_OR_RETURN(std::vector<ProposalId> ids, ReadProposals(in.ids()));
    return ForwardRefused{.term = term(), .proposals = std::move(ids), .overloaded = in.overloaded()};
  }

  const wire::PeerMessage& in_;
  FrameReader& frame_;
};

absl::StatusOr<Frame> Decode(FrameReader& reader) {
  CAIRN_ASSIGN_OR_RETURN(const std::string_view bytes, reader.ReadHeader(FrameMagic::kExchange));
  google::protobuf::Arena arena;
  auto& header = *google::protobuf::Arena::CreateMessage<wire::FrameHeader>(&arena);
  if (!header.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Malformed("the header does not parse");
  }
  Frame frame;
  if (header.has_hello()) frame.hello = FromWire(header.hello());
  frame.refused = header.refused();
  if (header.ping() != 0) frame.ping = header.ping();
  if (header.pong() != 0) frame.pong = Frame::Pong{.ping = header.pong(), .kept = header.pong_kept()};
  frame.messages.reserve(static_cast<std::size_t>(header.messages_size()));
  for (const wire::PeerMessage& message : header.messages()) {
    CAIRN_ASSIGN_OR_RETURN(PeerMessage read, MessageReader(message, reader).Read());
    frame.messages.push_back(std::move(read));
  }
  CAIRN_RETURN_IF_ERROR(reader.AtEnd());
  return frame;
}

}  // namespace

grpc::ByteBuffer EncodeFrame(const Frame& frame) {
  google::protobuf::Arena arena;
  auto& header = *google::protobuf::Arena::CreateMessage<wire::FrameHeader>(&arena);
  if (frame.hello) ToWire(*frame.hello, *header.mutable_hello());
  if (!frame.refused.empty()) header.set_refused(frame.refused);
  if (frame.ping) header.set_ping(*frame.ping);
  if (frame.pong) {
    header.set_pong(frame.pong->ping);
    header.set_pong_kept(frame.pong->kept);
  }
  FrameWriter writer(header);
  for (const PeerMessage& message : frame.messages) writer.Add(message);
  return JoinFrame(FrameMagic::kExchange, header, writer.payloads());
}

absl::StatusOr<Frame> DecodeFrame(const grpc::ByteBuffer& buffer) {
  FrameReader reader(buffer);
  return Decode(reader);
}

absl::StatusOr<Frame> DecodeFrame(std::shared_ptr<const void> owner, std::string_view bytes) {
  FrameReader reader(std::move(owner), bytes);
  return Decode(reader);
}

std::size_t EstimateBytes(const PeerMessage& message) {
  constexpr std::size_t kMessage = 128;  // Tags and a few numbers.
  constexpr std::size_t kProposal = 56;  // All columns of an entry at their longest; usually 15.
  std::size_t bytes = kMessage;
  if (const auto* core = std::get_if<Message>(&message)) {
    if (const auto* append = std::get_if<AppendRequest>(&core->body)) {
      for (const Entry& entry : append->entries) bytes += kProposal + entry.payload.size();
    }
  } else if (const auto* forwarded = std::get_if<ForwardedProposals>(&message)) {
    for (const auto& [id, payload] : forwarded->proposals) bytes += kProposal + payload.size();
  } else if (const auto* refused = std::get_if<ForwardRefused>(&message)) {
    bytes += kProposal * refused->proposals.size();
  }
  return bytes;
}

}  // namespace cairn::raft
