#include "raft/transport/snapshot_codec.h"

#include <utility>

#include "cairn/snapshot.pb.h"
#include "raft/base/status.h"
#include "raft/transport/framing.h"
#include "raft/transport/wire_convert.h"

namespace cairn::raft {
namespace {

void ToWire(const SnapshotSink::Position& position, wire::SnapshotPosition& out) {
  out.set_file(position.file);
  out.set_offset(position.offset);
}

SnapshotSink::Position FromWire(const wire::SnapshotPosition& in) {
  return {.file = in.file(), .offset = in.offset()};
}

void Write(const SnapshotBegin& in, wire::SnapshotPart& out) {
  wire::SnapshotBegin& begin = *out.mutable_begin();
  raft::ToWire(in.hello, *begin.mutable_hello());
  begin.set_term(in.term.value());
  raft::ToWire(in.meta, *begin.mutable_meta());
  begin.set_manifest(in.manifest);
}

void Write(const SnapshotResume& in, wire::SnapshotPart& out) { ToWire(in.from, *out.mutable_resume()); }

void Write(const SnapshotChunk& in, wire::SnapshotPart& out) {
  wire::SnapshotChunk& chunk = *out.mutable_chunk();
  ToWire(in.at, *chunk.mutable_at());
  chunk.set_length(in.bytes.size());
  chunk.set_checksum(in.bytes.checksum());
}

void Write(const SnapshotEnd& /*in*/, wire::SnapshotPart& out) { out.mutable_end(); }
void Write(const SnapshotReceived& /*in*/, wire::SnapshotPart& out) { out.mutable_received(); }

absl::StatusOr<SnapshotPart> Read(const wire::SnapshotPart& in, FrameReader& frame) {
  switch (in.part_case()) {
    case wire::SnapshotPart::kBegin:
      return SnapshotBegin{.hello = raft::FromWire(in.begin().hello()),
                           .term = Term{in.begin().term()},
                           .meta = raft::FromWire(in.begin().meta()),
                           .manifest = in.begin().manifest()};
    case wire::SnapshotPart::kResume:
      return SnapshotResume{.from = FromWire(in.resume())};
    case wire::SnapshotPart::kChunk: {
      CAIRN_ASSIGN_OR_RETURN(Payload bytes, frame.ReadPayload(in.chunk().length(), in.chunk().checksum()));
      return SnapshotChunk{.at = FromWire(in.chunk().at()), .bytes = std::move(bytes)};
    }
    case wire::SnapshotPart::kEnd:
      return SnapshotEnd{};
    case wire::SnapshotPart::kReceived:
      return SnapshotReceived{};
    case wire::SnapshotPart::PART_NOT_SET:
      break;
  }
  return absl::DataLossError("a snapshot part of an unknown kind");
}

absl::StatusOr<SnapshotPart> Decode(FrameReader& frame) {
  CAIRN_ASSIGN_OR_RETURN(const std::string_view bytes, frame.ReadHeader(FrameMagic::kSnapshot));
  wire::SnapshotPart header;
  if (!header.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::DataLossError("the header of a snapshot part does not parse");
  }
  CAIRN_ASSIGN_OR_RETURN(SnapshotPart part, Read(header, frame));
  CAIRN_RETURN_IF_ERROR(frame.AtEnd());
  return part;
}

}  // namespace

grpc::ByteBuffer EncodeSnapshotPart(const SnapshotPart& part) {
  wire::SnapshotPart header;
  std::visit([&](const auto& value) { Write(value, header); }, part);
  std::vector<const Payload*> payloads;
  if (const auto* chunk = std::get_if<SnapshotChunk>(&part)) payloads.push_back(&chunk->bytes);
  return JoinFrame(FrameMagic::kSnapshot, header, payloads);
}

absl::StatusOr<SnapshotPart> DecodeSnapshotPart(const grpc::ByteBuffer& buffer) {
  FrameReader frame(buffer);
  return Decode(frame);
}

absl::StatusOr<SnapshotPart> DecodeSnapshotPart(std::shared_ptr<const void> owner, std::string_view bytes) {
  FrameReader frame(std::move(owner), bytes);
  return Decode(frame);
}

}  // namespace cairn::raft
