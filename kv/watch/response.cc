#include "kv/watch/response.h"

#include <google/protobuf/io/coded_stream.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>

#include "etcd/rpc.pb.h"
#include "raft/base/assert.h"

namespace cairn::kv {
namespace {

using google::protobuf::io::CodedOutputStream;

// From this size on, referencing a record is cheaper than copying it: a reference costs two atomic counts, a
// list entry here and another one in gRPC.
constexpr std::size_t kReferenceFrom = 4096;

// Tags of the fields that are written by hand: (number << 3) | wire type.
constexpr std::uint8_t kResponseEvents = (etcdserverpb::WatchResponse::kEventsFieldNumber << 3) | 2;
constexpr std::uint8_t kEventType = (mvccpb::Event::kTypeFieldNumber << 3) | 0;
constexpr std::uint8_t kEventKv = (mvccpb::Event::kKvFieldNumber << 3) | 2;
constexpr std::uint8_t kEventPrevKv = (mvccpb::Event::kPrevKvFieldNumber << 3) | 2;

std::size_t FieldSize(std::size_t length) { return 1 + CodedOutputStream::VarintSize64(length) + length; }

// The encoded mvccpb.Event, without its tag and length in the response.
std::size_t EventSize(const ChosenEvent& chosen) {
  std::size_t size = FieldSize(chosen.event->record.size());
  if (chosen.event->deletion) size += 2;
  if (chosen.previous_record) size += FieldSize(chosen.previous_record->size());
  return size;
}

// Puts a message together from bytes that are copied and bytes that are referenced.
class Assembler {
 public:
  explicit Assembler(std::string begun) : open_(std::move(begun)) {}

  void Reserve(std::size_t bytes) { open_.reserve(open_.size() + bytes); }
  void Byte(std::uint8_t byte) { open_.push_back(static_cast<char>(byte)); }

  void Length(std::size_t length) {
    std::array<std::uint8_t, 10> buffer;
    const std::uint8_t* const end = CodedOutputStream::WriteVarint64ToArray(length, buffer.data());
    open_.append(reinterpret_cast<const char*>(buffer.data()), static_cast<std::size_t>(end - buffer.data()));
  }

  void Record(std::uint8_t tag, const Payload& record) {
    Byte(tag);
    Length(record.size());
    if (record.size() < kReferenceFrom) {
      open_.append(record.bytes());
      return;
    }
    Close();
    pieces_.push_back({.owner = record.owner(), .view = record.bytes()});
  }

  EncodedMessage Finish() && {
    Close();
    return std::move(pieces_);
  }

 private:
  void Close() {
    if (open_.empty()) return;
    pieces_.push_back(Bytes::Own(std::exchange(open_, {})));
  }

  EncodedMessage pieces_;
  std::string open_;
};

void Fill(const WatchHeader& header, etcdserverpb::ResponseHeader& message) {
  message.set_cluster_id(header.cluster_id);
  message.set_member_id(header.member_id);
  message.set_revision(header.revision.value());
  message.set_raft_term(header.raft_term);
}

}  // namespace

EncodedMessage EncodeNotice(const WatchHeader& header, const WatchNotice& notice) {
  etcdserverpb::WatchResponse response;
  Fill(header, *response.mutable_header());
  response.set_watch_id(notice.watch_id);
  response.set_created(notice.created);
  response.set_canceled(notice.canceled);
  if (notice.compact_revision) response.set_compact_revision(notice.compact_revision->value());
  response.set_cancel_reason(std::string(notice.cancel_reason));
  EncodedMessage message;
  message.push_back(Bytes::Own(response.SerializeAsString()));
  return message;
}

std::size_t EncodedSize(const ChosenEvent& event) { return FieldSize(EventSize(event)); }

EncodedMessage EncodeEvents(const WatchHeader& header, std::int64_t watch_id, Piece piece,
                            std::span<const ChosenEvent> events) {
  etcdserverpb::WatchResponse response;
  Fill(header, *response.mutable_header());
  response.set_watch_id(watch_id);
  response.set_fragment(piece == Piece::kMoreFollow);

  Assembler assembler(response.SerializeAsString());
  std::size_t copied = 0;
  for (const ChosenEvent& chosen : events) {
    const std::size_t size = EncodedSize(chosen);
    copied += size < kReferenceFrom ? size : 32;
  }
  assembler.Reserve(copied);
  for (const ChosenEvent& chosen : events) {
    assembler.Byte(kResponseEvents);
    assembler.Length(EventSize(chosen));
    if (chosen.event->deletion) {
      assembler.Byte(kEventType);
      assembler.Byte(mvccpb::Event::DELETE);
    }
    assembler.Record(kEventKv, chosen.event->record);
    if (chosen.previous_record) assembler.Record(kEventPrevKv, *chosen.previous_record);
  }
  return std::move(assembler).Finish();
}

void Attach(ByteCharge charge, EncodedMessage& message) {
  if (charge.bytes() == 0) return;
  struct Charged {
    std::shared_ptr<const void> owner;
    ByteCharge charge;
  };
  // The largest, for the transport copies small pieces and lets go of them at once.
  Bytes& largest = *std::max_element(message.begin(), message.end(), [](const Bytes& a, const Bytes& b) {
    return a.view.size() < b.view.size();
  });
  largest.owner = std::make_shared<Charged>(Charged{std::move(largest.owner), std::move(charge)});
}

}  // namespace cairn::kv
