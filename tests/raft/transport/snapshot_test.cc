#include <gtest/gtest.h>

#include <chrono>

#include "raft/base/status.h"
#include "raft/transport/snapshot_codec.h"
#include "tests/raft/transport/memory_snapshot.h"
#include "tests/raft/transport/random_frame.h"
#include "tests/raft/transport/raw_call.h"
#include "tests/raft/transport/recorder.h"

namespace cairn::raft {
namespace {

using testing::Connect;
using testing::Flatten;
using testing::Opens;
using testing::RandomContent;
using testing::RawCall;
using testing::Recorder;
using testing::SnapshotContent;
using testing::SnapshotShelf;
using testing::TestMember;
using Seen = Recorder::Seen;
using Progress = SnapshotShelf::Progress;

constexpr std::size_t kChunk = 1000;

std::vector<std::string> FilesOf(const SnapshotContent& content) {
  std::vector<std::string> files;
  for (const auto& [name, bytes] : content.files) files.push_back(bytes);
  return files;
}

// Two members, connected; 1 has a snapshot, 2 has a shelf.
struct Pair {
  explicit Pair(SnapshotContent content_to_send,
                SnapshotShelf::EmptyFiles empty_files = SnapshotShelf::EmptyFiles::kPassed)
      : content(std::move(content_to_send)), shelf(empty_files) {
    sender.options.snapshot_chunk_bytes = kChunk;
    sender.options.snapshot_retry_pause = std::chrono::milliseconds(1);
    sender.hooks.open_snapshot = Opens(content);
    receiver.hooks.receive_snapshot = shelf.Receives();
  }

  // What SendSnapshot() was answered.
  std::optional<Index> Send(Term term = Term{5}) {
    const std::size_t before = sender.recorder.With([](const Seen& seen) { return seen.sent.size(); });
    sender.transport->SendSnapshot(receiver.id(), term);
    EXPECT_TRUE(sender.recorder.WaitFor([&](const Seen& seen) { return seen.sent.size() == before + 1; }))
        << sender.recorder.notices();
    return sender.recorder.With([](const Seen& seen) -> std::optional<Index> {
      return seen.sent.empty() ? std::nullopt : seen.sent.back().second;
    });
  }

  SnapshotContent content;
  SnapshotShelf shelf;
  TestMember sender{1};
  TestMember receiver{2};
};

TEST(SnapshotCodec, EveryFlippedBitAndTruncationIsFound) {
  const auto decode = [](std::string_view bytes) {
    auto owner = std::make_shared<const std::string>(bytes);
    const std::string_view view = *owner;
    return DecodeSnapshotPart(std::move(owner), view);
  };
  Rng rng(1);
  for (const SnapshotPart& part :
       {SnapshotPart(
            SnapshotBegin{.hello = {}, .term = Term{3}, .meta = RandomContent({1}).meta, .manifest = "m"}),
        SnapshotPart(SnapshotResume{.from = {.file = 3, .offset = 4}}),
        SnapshotPart(
            SnapshotChunk{.at = {.file = 1, .offset = 2}, .bytes = testing::RandomPayload(rng, 100)}),
        SnapshotPart(SnapshotEnd{}), SnapshotPart(SnapshotReceived{})}) {
    std::string bytes = Flatten(EncodeSnapshotPart(part));
    ASSERT_TRUE(decode(bytes).ok());
    EXPECT_EQ(decode(bytes)->index(), part.index());
    for (std::size_t length = 0; length < bytes.size(); ++length) {
      EXPECT_FALSE(decode(std::string_view(bytes).substr(0, length)).ok());
    }
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      const char mask = static_cast<char>(1 << (bit % 8));
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ mask);
      EXPECT_FALSE(decode(bytes).ok()) << bit;
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ mask);
    }
  }
}

TEST(SnapshotCodec, PartsComeBackAsTheyWere) {
  Rng rng(2);
  const SnapshotBegin begin{.hello = {.cluster = ClusterId{1},
                                      .member = NodeId{2},
                                      .receiver = NodeId{3},
                                      .incarnation = Incarnation{4}},
                            .term = Term{5},
                            .meta = RandomContent({1}).meta,
                            .manifest = std::string("with\0zero", 9)};
  const auto decoded = std::get<SnapshotBegin>(*DecodeSnapshotPart(EncodeSnapshotPart(begin)));
  EXPECT_EQ(decoded.hello, begin.hello);
  EXPECT_EQ(decoded.term, begin.term);
  EXPECT_EQ(decoded.meta, begin.meta);
  EXPECT_EQ(decoded.manifest, begin.manifest);
  for (const std::size_t size : {0u, 1u, 1023u, 1024u, 300000u}) {
    const SnapshotChunk chunk{.at = {.file = 7, .offset = 8}, .bytes = testing::RandomPayload(rng, size)};
    const auto again = std::get<SnapshotChunk>(*DecodeSnapshotPart(EncodeSnapshotPart(chunk)));
    EXPECT_EQ(again.at, chunk.at);
    EXPECT_EQ(again.bytes, chunk.bytes);
  }
}

TEST(Snapshot, ArrivesWhole) {
  for (const auto empty_files : {SnapshotShelf::EmptyFiles::kPassed, SnapshotShelf::EmptyFiles::kWaitedFor}) {
    Pair pair(RandomContent({0, 10 * kChunk, 0, 0, 1, kChunk, kChunk + 1, 0}), empty_files);
    Connect({&pair.sender, &pair.receiver});
    EXPECT_EQ(pair.Send(Term{5}), Index{1234}) << pair.sender.recorder.notices();
    EXPECT_EQ(pair.shelf.files(), FilesOf(pair.content));
    pair.receiver.recorder.With([&](const Seen& seen) {
      ASSERT_EQ(seen.arrived.size(), 1u);
      EXPECT_EQ(seen.arrived[0].from, pair.sender.id());
      EXPECT_EQ(seen.arrived[0].term, Term{5});
      EXPECT_EQ(seen.arrived[0].sink->meta(), pair.content.meta);
    });
    EXPECT_EQ(pair.sender.transport->stats().snapshots.bytes_sent, pair.content.bytes());
    EXPECT_EQ(pair.receiver.transport->stats().snapshots.bytes_received, pair.content.bytes());
  }
}

TEST(Snapshot, AnEmptyOneArrives) {
  Pair pair(RandomContent({}));
  Connect({&pair.sender, &pair.receiver});
  EXPECT_EQ(pair.Send(), Index{1234});
}

TEST(Snapshot, TheHigherIdCanSendToTheLower) {
  SnapshotShelf shelf;
  Pair pair(RandomContent({5 * kChunk}));
  pair.receiver.hooks.open_snapshot = Opens(pair.content);
  pair.sender.hooks.receive_snapshot = shelf.Receives();
  Connect({&pair.sender, &pair.receiver});
  pair.receiver.transport->SendSnapshot(pair.sender.id(), Term{5});
  EXPECT_TRUE(pair.receiver.recorder.WaitFor([](const Seen& seen) { return seen.sent.size() == 1; }));
  EXPECT_EQ(shelf.files(), FilesOf(pair.content));
}

TEST(Snapshot, GoesOnWhereItStoodAfterABreakAtEveryChunk) {
  constexpr int kChunks = 3 + 1 + 3;
  for (int broken = 0; broken < kChunks; ++broken) {
    Pair pair(RandomContent({3 * kChunk, 10, 2 * kChunk + 1}));
    Connect({&pair.sender, &pair.receiver});
    pair.shelf.BreakAt(broken);
    EXPECT_EQ(pair.Send(), Index{1234}) << pair.sender.recorder.notices();
    EXPECT_EQ(pair.shelf.files(), FilesOf(pair.content));
    EXPECT_EQ(pair.shelf.begun(), 2) << "broken at " << broken;
    EXPECT_EQ(pair.shelf.writes(), kChunks);  // No chunk was written twice.
    for (const std::string_view once : {"sending member 2 the", "sent member 2 the snapshot at index 1234"}) {
      EXPECT_EQ(pair.sender.recorder.With([&](const Seen& seen) { return seen.NoticesWith(once); }), 1);
    }
    for (const std::string_view once :
         {"receiving the", "received the snapshot at index 1234 from member 1"}) {
      EXPECT_EQ(pair.receiver.recorder.With([&](const Seen& seen) { return seen.NoticesWith(once); }), 1);
    }
  }
}

TEST(Snapshot, GoesOnAfterTheReceiverWasRestarted) {
  Pair pair(RandomContent({40 * kChunk}));
  pair.sender.options.snapshot_bytes_per_second = 200 * kChunk;
  pair.sender.options.snapshot_attempts = 1000;
  Connect({&pair.sender, &pair.receiver});
  pair.sender.transport->SendSnapshot(pair.receiver.id(), Term{5});
  ASSERT_TRUE(pair.shelf.WaitFor([](const Progress& now) { return now.writes >= 5; }));
  pair.receiver.Stop();
  EXPECT_FALSE(pair.shelf.open());
  ASSERT_TRUE(pair.receiver.Start().ok());
  pair.receiver.transport->SetPeers({pair.sender.AsPeer()});
  EXPECT_TRUE(pair.sender.recorder.WaitFor([](const Seen& seen) { return seen.sent.size() == 1; }));
  EXPECT_EQ(pair.sender.recorder.With([](const Seen& seen) { return seen.sent[0].second; }), Index{1234});
  EXPECT_EQ(pair.shelf.files(), FilesOf(pair.content));
  EXPECT_EQ(pair.shelf.writes(), 40);
  EXPECT_GE(pair.sender.transport->stats().snapshots.send_resumes, 1u);
}

TEST(Snapshot, IsGivenUpAfterAttemptsWithoutProgress) {
  Pair pair(RandomContent({kChunk}));
  int begun = 0;
  pair.receiver.hooks.receive_snapshot = [&](const SnapshotMeta&, std::string_view) {
    ++begun;
    return absl::UnavailableError("no room");
  };
  Connect({&pair.sender, &pair.receiver});
  EXPECT_EQ(pair.Send(), std::nullopt);
  EXPECT_EQ(begun, pair.sender.options.snapshot_attempts);
  EXPECT_EQ(pair.sender.recorder.With([](const Seen& seen) { return seen.NoticesWith("no room"); }), 1);
  EXPECT_EQ(pair.sender.transport->stats().snapshots.send_failures, 1u);
}

// Chunks leave each time, and none of them is kept.
TEST(Snapshot, IsGivenUpWhenTheReceiverStandsStill) {
  Pair pair(RandomContent({10 * kChunk}));
  pair.shelf.FailFrom(4);
  Connect({&pair.sender, &pair.receiver});
  EXPECT_EQ(pair.Send(), std::nullopt);
  EXPECT_EQ(pair.shelf.writes(), 4);
  // The one that came so far, and the attempts at that place.
  EXPECT_EQ(pair.shelf.begun(), 1 + pair.sender.options.snapshot_attempts);
  EXPECT_EQ(pair.sender.recorder.With([](const Seen& seen) { return seen.NoticesWith("no room"); }), 1);
}

TEST(Snapshot, ACancelledOneIsAnsweredOnce) {
  Pair pair(RandomContent({1000 * kChunk}));
  pair.sender.options.snapshot_bytes_per_second = 200 * kChunk;
  Connect({&pair.sender, &pair.receiver});
  pair.sender.transport->SendSnapshot(pair.receiver.id(), Term{5});
  ASSERT_TRUE(pair.shelf.WaitFor([](const Progress& now) { return now.writes >= 3; }));
  pair.sender.transport->CancelSnapshot(pair.receiver.id());
  pair.sender.transport->CancelSnapshot(pair.receiver.id());
  EXPECT_TRUE(pair.sender.recorder.WaitFor([](const Seen& seen) { return seen.sent.size() == 1; }));
  EXPECT_TRUE(pair.shelf.WaitFor([](const Progress& now) { return !now.open; }));
  // With nothing under way there is nothing to answer.
  pair.sender.transport->CancelSnapshot(pair.receiver.id());
  pair.sender.transport->SendSnapshot(NodeId{9}, Term{5});
  EXPECT_TRUE(pair.sender.recorder.WaitFor([](const Seen& seen) { return seen.sent.size() == 2; }));
  const std::vector<std::pair<NodeId, std::optional<Index>>> both = {{pair.receiver.id(), std::nullopt},
                                                                     {NodeId{9}, std::nullopt}};
  EXPECT_EQ(pair.sender.recorder.With([](const Seen& seen) { return seen.sent; }), both);
}

TEST(Snapshot, OneThatIsCancelledAtOnceIsAnsweredOnce) {
  Pair pair(RandomContent({kChunk}));
  Connect({&pair.sender, &pair.receiver});
  constexpr std::size_t kTimes = 100;
  for (std::size_t i = 1; i <= kTimes; ++i) {
    pair.sender.transport->SendSnapshot(pair.receiver.id(), Term{5});
    // At another point of its life each time.
    for (std::size_t turn = 0; turn < i % 10; ++turn) (void)pair.sender.transport->stats();
    pair.sender.transport->CancelSnapshot(pair.receiver.id());
    EXPECT_TRUE(pair.sender.recorder.WaitFor([&](const Seen& seen) { return seen.sent.size() >= i; }));
  }
  EXPECT_EQ(pair.sender.recorder.With([](const Seen& seen) { return seen.sent.size(); }), kTimes);
}

TEST(Snapshot, OneThatWaitsForItsTurnCanBeCancelled) {
  SnapshotShelf shelf_b;
  SnapshotShelf shelf_c;
  TestMember sender(1);
  TestMember b(2);
  TestMember c(3);
  sender.options.max_outgoing_snapshots = 1;
  sender.hooks.open_snapshot = Opens(RandomContent({kChunk}));
  b.hooks.receive_snapshot = shelf_b.Receives();
  c.hooks.receive_snapshot = shelf_c.Receives();
  Connect({&sender, &b, &c});
  shelf_b.Hold();
  sender.transport->SendSnapshot(b.id(), Term{5});
  sender.transport->SendSnapshot(c.id(), Term{5});
  sender.transport->CancelSnapshot(c.id());
  EXPECT_TRUE(sender.recorder.WaitFor([](const Seen& seen) { return seen.sent.size() == 1; }));
  EXPECT_EQ(sender.recorder.With([](const Seen& seen) { return seen.sent[0].first; }), c.id());
  shelf_b.LetGo();
  EXPECT_TRUE(sender.recorder.WaitFor([](const Seen& seen) { return seen.sent.size() == 2; }));
  EXPECT_EQ(sender.recorder.With([](const Seen& seen) { return seen.sent[1].second; }), Index{1234});
  EXPECT_EQ(shelf_c.begun(), 0);
}

TEST(Snapshot, ASilentReceiverIsGivenUp) {
  const testing::RawServer silent;  // Takes the connection, and then nothing.
  TestMember sender(1);
  sender.options.snapshot_silence = std::chrono::milliseconds(50);
  sender.options.snapshot_attempts = 2;
  sender.options.snapshot_retry_pause = std::chrono::milliseconds(1);
  sender.hooks.open_snapshot = Opens(RandomContent({kChunk}));
  ASSERT_TRUE(sender.Start().ok());
  sender.transport->SetPeers({{.id = NodeId{2}, .urls = {silent.url()}, .incarnation = {}}});
  sender.transport->SendSnapshot(NodeId{2}, Term{5});
  EXPECT_TRUE(sender.recorder.WaitFor([](const Seen& seen) { return seen.sent.size() == 1; }));
  EXPECT_EQ(sender.recorder.With([](const Seen& seen) { return seen.NoticesWith("fell silent"); }), 1);
}

TEST(Snapshot, AReceiverThatNeverFinishesIsGivenUp) {
  Pair pair(RandomContent({kChunk}));
  pair.sender.options.snapshot_finish_timeout = std::chrono::milliseconds(50);
  pair.sender.options.snapshot_attempts = 1;
  pair.shelf.FinishTakes(absl::InfiniteDuration());
  Connect({&pair.sender, &pair.receiver});
  EXPECT_EQ(pair.Send(), std::nullopt);
  EXPECT_EQ(pair.sender.recorder.With([](const Seen& seen) { return seen.NoticesWith("fell silent"); }), 1);
  pair.shelf.LetGo();
}

// The time is the subject here and in the next one, so they take it; a second is far more than anything else
// on the way needs.
TEST(Snapshot, AFinalCheckMayTakeLongerThanASilence) {
  Pair pair(RandomContent({kChunk}));
  pair.sender.options.snapshot_silence = std::chrono::seconds(1);
  pair.receiver.options.snapshot_silence = std::chrono::seconds(1);
  pair.shelf.FinishTakes(absl::Seconds(3));
  Connect({&pair.sender, &pair.receiver});
  EXPECT_EQ(pair.Send(), Index{1234}) << pair.sender.recorder.notices();
  EXPECT_EQ(pair.shelf.begun(), 1);
}

// One chunk would take the allowance of twice the silence.
TEST(Snapshot, AThrottledSenderIsNotSilent) {
  Pair pair(RandomContent({kChunk}));
  pair.sender.options.snapshot_silence = std::chrono::seconds(1);
  pair.receiver.options.snapshot_silence = std::chrono::seconds(1);
  pair.sender.options.snapshot_bytes_per_second = kChunk / 2;
  Connect({&pair.sender, &pair.receiver});
  EXPECT_EQ(pair.Send(), Index{1234}) << pair.sender.recorder.notices();
  EXPECT_EQ(pair.shelf.begun(), 1);
  EXPECT_EQ(pair.shelf.files(), FilesOf(pair.content));
}

TEST(Snapshot, ThatCannotBeOpenedOrReadIsAnswered) {
  Pair pair(RandomContent({5 * kChunk}));
  pair.sender.hooks.open_snapshot = Opens(pair.content, 2);
  Connect({&pair.sender, &pair.receiver});
  EXPECT_EQ(pair.Send(), std::nullopt);
  EXPECT_TRUE(pair.receiver.recorder.With([](const Seen& seen) { return seen.arrived.empty(); }));
  EXPECT_EQ(pair.Send(), Index{1234});  // The next one goes on behind the chunks that arrived.

  pair.sender.Stop();
  pair.sender.hooks.open_snapshot = [] { return absl::InternalError("no checkpoint"); };
  ASSERT_TRUE(pair.sender.Start().ok());
  pair.sender.transport->SetPeers({pair.receiver.AsPeer()});
  EXPECT_EQ(pair.Send(), std::nullopt);
}

TEST(Snapshot, ToSomebodyWhoIsNoPeerIsAnswered) {
  Pair pair(RandomContent({1}));
  Connect({&pair.sender, &pair.receiver});
  pair.sender.transport->SendSnapshot(NodeId{9}, Term{5});
  EXPECT_TRUE(pair.sender.recorder.WaitFor([](const Seen& seen) { return seen.sent.size() == 1; }));
  EXPECT_EQ(pair.sender.recorder.With([](const Seen& seen) { return seen.sent[0].second; }), std::nullopt);
}

TEST(Snapshot, OfAnotherClusterIsRefused) {
  Pair pair(RandomContent({1}));
  pair.sender.options.cluster = ClusterId{5};
  ASSERT_TRUE(pair.sender.Start().ok());
  ASSERT_TRUE(pair.receiver.Start().ok());
  pair.sender.transport->SetPeers({pair.receiver.AsPeer()});
  pair.receiver.transport->SetPeers({pair.sender.AsPeer()});
  EXPECT_EQ(pair.Send(), std::nullopt);
  EXPECT_EQ(pair.shelf.begun(), 0);
  EXPECT_GE(pair.receiver.recorder.With([](const Seen& seen) { return seen.NoticesWith("cluster 5"); }), 1);
}

TEST(Snapshot, HoldsUpNeitherMessagesNorMemory) {
  Pair pair(RandomContent({64 << 20}));
  pair.sender.options.snapshot_chunk_bytes = 256 << 10;
  Connect({&pair.sender, &pair.receiver});
  pair.shelf.Hold();
  pair.sender.transport->SendSnapshot(pair.receiver.id(), Term{5});
  ASSERT_TRUE(pair.shelf.WaitFor([](const Progress& now) { return now.begun == 1; }));
  for (std::uint64_t i = 1; i <= 100; ++i) {
    pair.sender.transport->Send(pair.receiver.id(), testing::Numbered(i, 10000));
    pair.sender.transport->Flush();
  }
  EXPECT_TRUE(pair.receiver.recorder.WaitFor([](const Seen& seen) { return seen.messages.size() == 100; }));
  // A window of gRPC's and the kernel's buffers, but not the file.
  EXPECT_LT(pair.sender.transport->stats().snapshots.bytes_sent, 32u << 20);
  pair.shelf.LetGo();
  EXPECT_TRUE(pair.sender.recorder.WaitFor([](const Seen& seen) { return seen.sent.size() == 1; }));
}

TEST(Snapshot, TheRateIsLimited) {
  Pair pair(RandomContent({50 * kChunk}));
  pair.sender.options.snapshot_bytes_per_second = 250 * kChunk;
  Connect({&pair.sender, &pair.receiver});
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(pair.Send(), Index{1234});
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(190));
}

TEST(Snapshot, MoreThanAllowedWaitForTheirTurn) {
  SnapshotShelf shelf_b;
  SnapshotShelf shelf_c;
  TestMember sender(1);
  TestMember b(2);
  TestMember c(3);
  sender.options.max_outgoing_snapshots = 1;
  sender.hooks.open_snapshot = Opens(RandomContent({kChunk}));
  b.hooks.receive_snapshot = shelf_b.Receives();
  c.hooks.receive_snapshot = shelf_c.Receives();
  Connect({&sender, &b, &c});
  shelf_b.Hold();
  sender.transport->SendSnapshot(b.id(), Term{5});
  ASSERT_TRUE(shelf_b.WaitFor([](const Progress& now) { return now.begun == 1; }));
  sender.transport->SendSnapshot(c.id(), Term{5});
  shelf_b.LetGo();
  EXPECT_TRUE(sender.recorder.WaitFor([](const Seen& seen) { return seen.sent.size() == 2; }));
  EXPECT_EQ(sender.recorder.With([](const Seen& seen) { return seen.sent[0].first; }), b.id());
  EXPECT_EQ(shelf_c.writes(), 1);
}

TEST(Snapshot, TheSecondCallForAPeerReplacesTheFirst) {
  Pair pair(RandomContent({100 * kChunk}));
  pair.sender.options.snapshot_bytes_per_second = 200 * kChunk;
  Connect({&pair.sender, &pair.receiver});
  pair.sender.transport->SendSnapshot(pair.receiver.id(), Term{5});
  ASSERT_TRUE(pair.shelf.WaitFor([](const Progress& now) { return now.writes >= 3; }));
  pair.sender.transport->SendSnapshot(pair.receiver.id(), Term{6});
  EXPECT_TRUE(pair.receiver.recorder.WaitFor([](const Seen& seen) { return !seen.arrived.empty(); }));
  EXPECT_TRUE(pair.sender.recorder.WaitFor([](const Seen& seen) { return !seen.sent.empty(); }));
  EXPECT_EQ(pair.receiver.recorder.With([](const Seen& seen) { return seen.arrived.at(0).term; }), Term{6});
  EXPECT_EQ(pair.receiver.recorder.With([](const Seen& seen) { return seen.arrived.size(); }), 1u);
  EXPECT_EQ(pair.sender.recorder.With([](const Seen& seen) { return seen.sent.size(); }), 1u);
}

TEST(Snapshot, StopsInTheMiddle) {
  Pair pair(RandomContent({1000 * kChunk}));
  pair.sender.options.snapshot_bytes_per_second = 100 * kChunk;
  Connect({&pair.sender, &pair.receiver});
  pair.sender.transport->SendSnapshot(pair.receiver.id(), Term{5});
  ASSERT_TRUE(pair.shelf.WaitFor([](const Progress& now) { return now.writes >= 2; }));
  pair.sender.Stop();
  EXPECT_TRUE(pair.shelf.WaitFor(
      [](const Progress& now) { return !now.open; }));  // The receiver lets go of its sink.
  pair.receiver.Stop();
  EXPECT_TRUE(pair.sender.recorder.With([](const Seen& seen) { return seen.sent.empty(); }));
}

// A sender written by hand.
class RawSnapshot : public ::testing::Test {
 protected:
  RawSnapshot() { receiver.hooks.receive_snapshot = shelf.Receives(); }

  void SetUp() override {
    ASSERT_TRUE(receiver.Start().ok());
    receiver.transport->SetPeers(
        {{.id = NodeId{1}, .urls = {}, .incarnation = {}}, {.id = NodeId{3}, .urls = {}, .incarnation = {}}});
  }

  SnapshotBegin Begin(std::uint64_t from = 1, std::uint64_t term = 5) const {
    return {.hello = {.cluster = receiver.options.cluster,
                      .member = NodeId{from},
                      .receiver = receiver.id(),
                      .incarnation = Incarnation{from}},
            .term = Term{term},
            .meta = content.meta,
            .manifest = content.Manifest()};
  }

  SnapshotChunk Chunk(std::size_t offset, std::size_t length) const {
    return {.at = {.file = 0, .offset = offset},
            .bytes = Payload::FromString(content.files[0].second.substr(offset, length))};
  }

  static grpc::StatusCode EndOf(RawCall& call) {
    while (call.Read()) {
    }
    return call.Finish().error_code();
  }

  const SnapshotContent content = RandomContent({2 * kChunk});
  SnapshotShelf shelf;
  TestMember receiver{2};
};

TEST_F(RawSnapshot, ADamagedChunkIsRefusedAndNotWritten) {
  RawCall call(receiver.port(), testing::kSnapshotMethod);
  ASSERT_TRUE(call.Write(EncodeSnapshotPart(Begin())));
  ASSERT_TRUE(call.Read());
  ASSERT_TRUE(call.Write(EncodeSnapshotPart(Chunk(0, kChunk))));
  std::string damaged = Flatten(EncodeSnapshotPart(Chunk(kChunk, kChunk)));
  damaged[damaged.size() - 10] = static_cast<char>(damaged[damaged.size() - 10] ^ 1);
  call.Write(damaged);
  EXPECT_EQ(EndOf(call), grpc::StatusCode::DATA_LOSS);
  EXPECT_EQ(shelf.writes(), 1);
  EXPECT_TRUE(shelf.WaitFor([](const Progress& now) { return !now.open; }));
}

TEST_F(RawSnapshot, AChunkOutOfPlaceIsRefused) {
  RawCall call(receiver.port(), testing::kSnapshotMethod);
  ASSERT_TRUE(call.Write(EncodeSnapshotPart(Begin())));
  ASSERT_TRUE(call.Read());
  call.Write(EncodeSnapshotPart(Chunk(1, kChunk)));
  EXPECT_EQ(EndOf(call), grpc::StatusCode::ABORTED);
  EXPECT_EQ(shelf.writes(), 0);
}

TEST_F(RawSnapshot, AnEndThatComesTooEarlyIsRefused) {
  RawCall call(receiver.port(), testing::kSnapshotMethod);
  ASSERT_TRUE(call.Write(EncodeSnapshotPart(Begin())));
  ASSERT_TRUE(call.Read());
  ASSERT_TRUE(call.Write(EncodeSnapshotPart(Chunk(0, kChunk))));
  call.Write(EncodeSnapshotPart(SnapshotEnd{}));
  EXPECT_EQ(EndOf(call), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_TRUE(receiver.recorder.With([](const Seen& seen) { return seen.arrived.empty(); }));
}

TEST_F(RawSnapshot, ASilentSenderIsCutOff) {
  receiver.Stop();
  receiver.options.snapshot_silence = std::chrono::milliseconds(50);
  SetUp();
  RawCall call(receiver.port(), testing::kSnapshotMethod);
  ASSERT_TRUE(call.Write(EncodeSnapshotPart(Begin())));
  ASSERT_TRUE(call.Read());
  ASSERT_TRUE(call.Write(EncodeSnapshotPart(Chunk(0, kChunk))));
  EXPECT_TRUE(
      receiver.recorder.WaitFor([](const Seen& seen) { return seen.NoticesWith("fell silent") == 1; }));
  EXPECT_FALSE(call.Read());
  EXPECT_TRUE(shelf.WaitFor([](const Progress& now) { return !now.open; }));  // The next one may have it.
  EXPECT_EQ(shelf.writes(), 1);
}

TEST_F(RawSnapshot, NothingBeforeTheBeginning) {
  for (const SnapshotPart& part : {SnapshotPart(Chunk(0, 1)), SnapshotPart(SnapshotEnd{})}) {
    RawCall call(receiver.port(), testing::kSnapshotMethod);
    call.Write(EncodeSnapshotPart(part));
    EXPECT_EQ(EndOf(call), grpc::StatusCode::FAILED_PRECONDITION);
  }
  EXPECT_EQ(shelf.begun(), 0);
}

TEST_F(RawSnapshot, ALaterTermTakesThePlaceOfAnEarlierOne) {
  RawCall old_leader(receiver.port(), testing::kSnapshotMethod);
  ASSERT_TRUE(old_leader.Write(EncodeSnapshotPart(Begin(1, 5))));
  ASSERT_TRUE(old_leader.Read());
  RawCall new_leader(receiver.port(), testing::kSnapshotMethod);
  ASSERT_TRUE(new_leader.Write(EncodeSnapshotPart(Begin(3, 6))));
  ASSERT_TRUE(new_leader.Read());
  EXPECT_FALSE(old_leader.Read());
  RawCall old_again(receiver.port(), testing::kSnapshotMethod);
  old_again.Write(EncodeSnapshotPart(Begin(1, 5)));
  EXPECT_EQ(EndOf(old_again), grpc::StatusCode::ABORTED);
  EXPECT_TRUE(new_leader.Write(EncodeSnapshotPart(Chunk(0, kChunk))));
  EXPECT_TRUE(shelf.WaitFor([](const Progress& now) { return now.writes == 1; }));
}

}  // namespace
}  // namespace cairn::raft
