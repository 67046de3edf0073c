#include "raft/transport/codec.h"

#include <gtest/gtest.h>

#include "cairn/raft_wire.pb.h"
#include "raft/transport/framing.h"
#include "tests/raft/transport/random_frame.h"

namespace cairn::raft {
namespace {

using testing::Cut;
using testing::Describe;
using testing::Flatten;
using testing::OneOfEachKind;
using testing::RandomFrame;
using testing::RandomPayload;
using testing::WrapHeader;

// A copy that dies with the last payload that points into it, so that a sanitizer sees a dangling one.
absl::StatusOr<Frame> DecodeCopy(std::string_view bytes) {
  auto owner = std::make_shared<const std::string>(bytes);
  const std::string_view view = *owner;
  return DecodeFrame(std::move(owner), view);
}

PeerMessage AppendOf(std::vector<Payload> payloads) {
  AppendRequest append{.previous = {.term = Term{3}, .index = Index{7}},
                       .entries = {},
                       .commit = Index{6},
                       .time = ClusterTime{90}};
  Index index = append.previous.index;
  for (Payload& payload : payloads) {
    index = Next(index);
    append.entries.push_back({.id = {.term = Term{3}, .index = index},
                              .kind = EntryKind::kCommand,
                              .time = ClusterTime{90},
                              .proposal = {.origin = 5, .sequence = index.value()},
                              .payload = std::move(payload)});
  }
  return Message{.term = Term{3}, .body = std::move(append)};
}

TEST(Codec, EveryKindOfMessageComesBackAsItWas) {
  Rng rng(1);
  for (int round = 0; round < 50; ++round) {
    for (const PeerMessage& message : OneOfEachKind(rng)) {
      const Frame frame{.hello = {}, .refused = {}, .messages = {message}, .ping = {}, .pong = {}};
      const auto decoded = DecodeFrame(EncodeFrame(frame));
      ASSERT_TRUE(decoded.ok()) << decoded.status() << "\n" << Describe(frame);
      EXPECT_EQ(Describe(*decoded), Describe(frame));
    }
  }
}

TEST(Codec, RandomFramesComeBackHoweverTheBytesAreCut) {
  Rng rng(2);
  for (int round = 0; round < 300; ++round) {
    const Frame frame = RandomFrame(rng);
    const std::string bytes = Flatten(EncodeFrame(frame));
    const std::size_t piece = 1 + rng.Below(bytes.size() + 10);
    const auto cut = DecodeFrame(Cut(bytes, piece));
    const auto whole = DecodeCopy(bytes);
    ASSERT_TRUE(cut.ok()) << cut.status() << " round=" << round << " piece=" << piece;
    ASSERT_TRUE(whole.ok()) << whole.status() << " round=" << round;
    EXPECT_EQ(Describe(*cut), Describe(frame)) << "piece=" << piece;
    EXPECT_EQ(Describe(*whole), Describe(frame));
  }
}

TEST(Codec, PayloadBytesAreTheOriginalOnes) {
  Rng rng(3);
  std::vector<Payload> payloads;
  for (const std::size_t size : {0u, 5u, 1023u, 1024u, 9u, 100000u, 3u, 4u})
    payloads.push_back(RandomPayload(rng, size));
  const Frame frame{.hello = {}, .refused = {}, .messages = {AppendOf(payloads)}, .ping = {}, .pong = {}};
  const auto decoded = DecodeFrame(Cut(Flatten(EncodeFrame(frame)), 8192));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  const auto& append = std::get<AppendRequest>(std::get<Message>(decoded->messages.at(0)).body);
  ASSERT_EQ(append.entries.size(), payloads.size());
  for (std::size_t i = 0; i < payloads.size(); ++i) EXPECT_EQ(append.entries[i].payload, payloads[i]) << i;
}

TEST(Codec, LargePayloadsAreSentFromWhereTheyAre) {
  Rng rng(4);
  const Payload large = RandomPayload(rng, kReferencedPayloadBytes);
  const grpc::ByteBuffer buffer =
      EncodeFrame({.hello = {}, .refused = {}, .messages = {AppendOf({large})}, .ping = {}, .pong = {}});
  std::vector<grpc::Slice> slices;
  ASSERT_TRUE(buffer.Dump(&slices).ok());
  ASSERT_EQ(slices.size(), 2u);
  EXPECT_EQ(static_cast<const void*>(slices[1].begin()), large.bytes().data());
}

TEST(Codec, AFrameInFlightKeepsItsPayloadsAlive) {
  Rng rng(5);
  Payload large = RandomPayload(rng, 4096);
  const std::weak_ptr<const void> watch = large.owner();
  grpc::ByteBuffer buffer =
      EncodeFrame({.hello = {}, .refused = {}, .messages = {AppendOf({large})}, .ping = {}, .pong = {}});
  large = Payload();
  EXPECT_FALSE(watch.expired());
  buffer.Clear();
  EXPECT_TRUE(watch.expired());
}

TEST(Codec, LargeFramesAreNotCopiedOnArrival) {
  Rng rng(6);
  auto bytes = std::make_shared<const std::string>(
      Flatten(EncodeFrame({.hello = {},
                           .refused = {},
                           .messages = {AppendOf({RandomPayload(rng, 50000)})},
                           .ping = {},
                           .pong = {}})));
  const std::string_view view = *bytes;
  auto decoded = DecodeFrame(bytes, view);
  ASSERT_TRUE(decoded.ok());
  const std::weak_ptr<const std::string> watch = bytes;
  bytes.reset();
  {
    const auto& append = std::get<AppendRequest>(std::get<Message>(decoded->messages.at(0)).body);
    EXPECT_EQ(append.entries.at(0).payload.bytes().data(), view.data() + view.size() - 50000);
    EXPECT_FALSE(watch.expired());
  }
  decoded->messages.clear();
  EXPECT_TRUE(watch.expired());
}

TEST(Codec, NeighbouringEntriesTakeFewBytes) {
  std::vector<Payload> payloads(1000);
  const Frame frame{.hello = {}, .refused = {}, .messages = {AppendOf(payloads)}, .ping = {}, .pong = {}};
  // One byte for each of term, kind, time, origin, sequence and length, and eight of checksum.
  EXPECT_LT(Flatten(EncodeFrame(frame)).size(), 14u * 1000 + 150);
}

TEST(Codec, TheEstimateIsNotBelowTheSize) {
  Rng rng(7);
  for (int round = 0; round < 200; ++round) {
    for (const PeerMessage& message : OneOfEachKind(rng)) {
      const Frame frame{.hello = {}, .refused = {}, .messages = {message}, .ping = {}, .pong = {}};
      EXPECT_LE(Flatten(EncodeFrame(frame)).size(), EstimateBytes(message) + kFramePrefixBytes)
          << Describe(frame);
    }
  }
}

TEST(Codec, EveryFlippedBitIsFound) {
  Rng rng(8);
  const Frame frame{.hello = Hello{},
                    .refused = {},
                    .messages = {AppendOf({RandomPayload(rng, 40), Payload(), RandomPayload(rng, 1030)})},
                    .ping = 7,
                    .pong = {}};
  std::string bytes = Flatten(EncodeFrame(frame));
  ASSERT_TRUE(DecodeCopy(bytes).ok());
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    const char mask = static_cast<char>(1 << (bit % 8));
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ mask);
    const auto decoded = DecodeCopy(bytes);
    EXPECT_EQ(decoded.status().code(), absl::StatusCode::kDataLoss) << "bit " << bit;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ mask);
  }
}

TEST(Codec, EveryTruncationAndEveryExtraByteIsFound) {
  Rng rng(9);
  const std::string bytes = Flatten(EncodeFrame({.hello = {},
                                                 .refused = {},
                                                 .messages = {AppendOf({RandomPayload(rng, 300)})},
                                                 .ping = {},
                                                 .pong = {}}));
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(DecodeCopy(std::string_view(bytes).substr(0, length)).ok()) << length;
  }
  EXPECT_FALSE(DecodeCopy(bytes + "x").ok());
}

TEST(Codec, BytesOfAnotherStreamAreRefused) {
  Rng rng(10);
  std::string bytes = Flatten(EncodeFrame(RandomFrame(rng)));
  bytes[2] = 'S';  // The snapshot stream's mark.
  EXPECT_FALSE(DecodeCopy(bytes).ok());
}

// Sense is checked behind the checksum, too: a peer with a bug must not crash us.
TEST(Codec, HeadersThatMakeNoSenseAreRefused) {
  const auto refused = [](const auto& spoil) {
    wire::FrameHeader header;
    wire::Entries& entries = *header.add_messages()->mutable_append_request()->mutable_entries();
    for (int i = 0; i < 2; ++i) {
      entries.add_term_steps(0);
      entries.add_kinds(1);
      entries.add_time_steps(0);
      entries.mutable_proposals()->add_origin_of(0);
      entries.mutable_proposals()->add_sequence_steps(1);
      entries.mutable_payloads()->add_lengths(0);
      entries.mutable_payloads()->add_checksums(Payload().checksum());
    }
    entries.mutable_proposals()->add_origins(9);
    spoil(*header.mutable_messages(0), entries);
    return !DecodeCopy(WrapHeader(FrameMagic::kExchange, header.SerializeAsString(), "")).ok();
  };
  using M = wire::PeerMessage;
  using E = wire::Entries;
  EXPECT_FALSE(refused([](M&, E&) {}));
  EXPECT_TRUE(refused([](M&, E& e) { e.add_term_steps(0); }));
  EXPECT_TRUE(refused([](M&, E& e) { e.add_kinds(0); }));
  EXPECT_TRUE(refused([](M&, E& e) { e.add_time_steps(0); }));
  EXPECT_TRUE(refused([](M&, E& e) { e.mutable_proposals()->add_origin_of(0); }));
  EXPECT_TRUE(refused([](M&, E& e) { e.mutable_proposals()->add_sequence_steps(0); }));
  EXPECT_TRUE(refused([](M&, E& e) { e.mutable_payloads()->add_lengths(0); }));
  EXPECT_TRUE(refused([](M&, E& e) { e.mutable_payloads()->clear_checksums(); }));
  EXPECT_TRUE(refused([](M&, E& e) { e.set_kinds(1, 3); }));
  EXPECT_TRUE(refused([](M&, E& e) { e.mutable_proposals()->set_origin_of(1, 1); }));
  EXPECT_TRUE(refused([](M&, E& e) { e.mutable_payloads()->set_lengths(1, ~std::uint64_t{0}); }));
  EXPECT_TRUE(refused(
      [](M& m, E&) { m.mutable_append_request()->mutable_previous()->set_index(~std::uint64_t{0} - 1); }));
  EXPECT_TRUE(refused([](M& m, E&) { m.clear_body(); }));
}

// It would have the receiver install a state that it was never sent. Field 11 of a message was that once.
TEST(Codec, NobodyCanTellAPeerToInstallASnapshot) {
  const std::string message("\x08\x05\x5a\x04\x0a\x02\x08\x01", 8);  // In term 5: {last {term 1}}.
  const std::string header = std::string("\x1a\x08") + message;
  EXPECT_FALSE(DecodeCopy(WrapHeader(FrameMagic::kExchange, header, "")).ok());
}

TEST(Codec, ArbitraryHeadersNeverCrash) {
  Rng rng(12);
  for (int round = 0; round < 5000; ++round) {
    const std::string good = Flatten(EncodeFrame(RandomFrame(rng)));
    std::uint32_t header_bytes = 0;
    std::memcpy(&header_bytes, good.data() + 4, sizeof(header_bytes));
    std::string header = good.substr(kFramePrefixBytes, header_bytes);
    if (header.empty()) continue;
    for (std::uint64_t i = rng.Below(4); i > 0; --i)
      header[rng.Below(header.size())] = static_cast<char>(rng.Next());
    (void)DecodeCopy(
        WrapHeader(FrameMagic::kExchange, header, good.substr(kFramePrefixBytes + header_bytes)));
  }
}

TEST(Codec, ArbitraryBytesNeverCrash) {
  Rng rng(11);
  const std::string good = Flatten(EncodeFrame(RandomFrame(rng)));
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = rng.Chance(1, 2) ? good.substr(0, rng.Below(good.size() + 1)) : std::string();
    for (std::uint64_t i = rng.Below(64); i > 0; --i) {
      if (!bytes.empty() && rng.Chance(1, 2)) {
        bytes[rng.Below(bytes.size())] = static_cast<char>(rng.Next());
      } else {
        bytes.push_back(static_cast<char>(rng.Next()));
      }
    }
    const auto decoded = DecodeCopy(bytes);
    EXPECT_EQ(decoded.ok(), bytes == good);
  }
}

}  // namespace
}  // namespace cairn::raft
