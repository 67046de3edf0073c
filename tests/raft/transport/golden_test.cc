#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>

#include "raft/transport/codec.h"
#include "raft/transport/snapshot_codec.h"
#include "tests/raft/transport/random_frame.h"

// What members of one cluster send each other while they are upgraded one after the other: bytes that an
// older version wrote are understood, and ours are still the same.
namespace cairn::raft {
namespace {

using testing::Describe;
using testing::Flatten;

std::string Hex(std::string_view bytes) {
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 32) {
    for (const char c : bytes.substr(at, 32)) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
    text += '\n';
  }
  return text;
}

std::string Bytes(std::string_view hex) {
  std::string bytes;
  for (std::size_t at = 0; at + 1 < hex.size(); at += 2) {
    if (hex[at] == '\n') ++at;
    if (at + 1 >= hex.size()) break;
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(at, 2)), nullptr, 16));
  }
  return bytes;
}

// Blocks of "name:" and lines of hexadecimal.
using Golden = std::map<std::string, std::string>;

std::string PathOfGolden() {
  return fmt::format("{}/tests/raft/transport/golden/messages.hex", CAIRN_SOURCE_DIR);
}

Golden ReadGolden() {
  std::ifstream in(PathOfGolden());
  Golden golden;
  std::string name;
  for (std::string line; std::getline(in, line);) {
    if (line.ends_with(':')) {
      name = line.substr(0, line.size() - 1);
    } else {
      golden[name] += line + '\n';
    }
  }
  return golden;
}

void WriteGolden(const Golden& golden) {
  std::ofstream out(PathOfGolden());
  for (const auto& [name, hex] : golden) out << name << ":\n" << hex;
}

Entry MakeEntry(std::uint64_t index, EntryKind kind, std::string payload) {
  return {.id = {.term = Term{3}, .index = Index{index}},
          .kind = kind,
          .time = ClusterTime{1000 + index},
          .proposal = {.origin = 0xfeed, .sequence = index},
          .payload = Payload::FromString(std::move(payload))};
}

// Every kind of message, every field of each set.
Frame GoldenFrame() {
  const ProposalId proposal{.origin = 0xbeef, .sequence = 5};
  const auto message = [](auto body) {
    return PeerMessage(Message{.term = Term{4}, .body = std::move(body)});
  };
  const EntryId id{.term = Term{3}, .index = Index{7}};
  Frame frame{.hello = Hello{.cluster = ClusterId{1},
                             .member = NodeId{2},
                             .receiver = NodeId{3},
                             .incarnation = Incarnation{4}},
              .refused = "no",
              .messages = {},
              .ping = 11,
              .pong = Frame::Pong{.ping = 12, .kept = 13}};
  frame.messages = {
      message(
          VoteRequest{.pre_vote = true, .last_log = id, .leadership_transfer = true, .broken_stream = true}),
      message(VoteReply{.pre_vote = true, .granted = true}),
      message(AppendRequest{
          .previous = id,
          .entries = {MakeEntry(8, EntryKind::kCommand, "put k v"), MakeEntry(9, EntryKind::kMembership, "m"),
                      MakeEntry(10, EntryKind::kEmpty, "")},
          .commit = Index{6},
          .time = ClusterTime{1234}}),
      message(AppendReply{.accepted = true, .match = Index{9}}),
      message(AppendReply{.accepted = false, .rejected = Index{9}, .hint = id}),
      message(HeartbeatRequest{.commit = Index{6}, .round = ReadRound{2}, .time = ClusterTime{1235}}),
      message(HeartbeatReply{.round = ReadRound{2}}),
      message(ReadIndexRequest{.token = ReadToken{3}}),
      message(ReadIndexReply{.token = ReadToken{3}, .confirmed = true, .index = Index{6}}),
      message(TimeoutNow{}),
      ForwardedProposals{.term = Term{4}, .proposals = {{proposal, Payload::FromString("del k")}}},
      ForwardRefused{.term = Term{4}, .proposals = {proposal}, .overloaded = true}};
  return frame;
}

std::map<std::string, SnapshotPart> GoldenParts() {
  MemberConfig config;
  config.voters = {NodeId{1}, NodeId{2}};
  config.outgoing = {NodeId{1}, NodeId{3}};
  config.learners = {NodeId{4}};
  config.learners_next = {NodeId{3}};
  return {{"snapshot begin", SnapshotBegin{.hello = *GoldenFrame().hello,
                                           .term = Term{4},
                                           .meta = {.last = {.term = Term{3}, .index = Index{7}},
                                                    .config = config,
                                                    .time = ClusterTime{1234}},
                                           .manifest = "files"}},
          {"snapshot resume", SnapshotResume{.from = {.file = 1, .offset = 2}}},
          {"snapshot chunk",
           SnapshotChunk{.at = {.file = 1, .offset = 2}, .bytes = Payload::FromString("bytes")}},
          {"snapshot end", SnapshotEnd{}},
          {"snapshot received", SnapshotReceived{}}};
}

Golden Now() {
  Golden now{{"frame", Hex(Flatten(EncodeFrame(GoldenFrame())))}};
  for (const auto& [name, part] : GoldenParts()) now[name] = Hex(Flatten(EncodeSnapshotPart(part)));
  return now;
}

TEST(GoldenMessages, AreWhatWeSend) {
  if (std::getenv("CAIRN_REWRITE_GOLDEN") != nullptr) {  // NOLINT(concurrency-mt-unsafe): one thread.
    WriteGolden(Now());
  }
  EXPECT_EQ(Now(), ReadGolden())
      << "What members say to each other changed. If that is meant, keep understanding the old bytes, and "
         "rewrite the golden file with CAIRN_REWRITE_GOLDEN=1.";
}

TEST(GoldenMessages, AreUnderstood) {
  Golden golden = ReadGolden();
  const absl::StatusOr<Frame> frame = DecodeFrame(testing::Cut(Bytes(golden["frame"]), 100));
  ASSERT_TRUE(frame.ok()) << frame.status();
  EXPECT_EQ(Describe(*frame), Describe(GoldenFrame()));
  for (const auto& [name, part] : GoldenParts()) {
    const absl::StatusOr<SnapshotPart> decoded = DecodeSnapshotPart(testing::Cut(Bytes(golden[name]), 100));
    ASSERT_TRUE(decoded.ok()) << name << ": " << decoded.status();
    EXPECT_EQ(Flatten(EncodeSnapshotPart(*decoded)), Flatten(EncodeSnapshotPart(part))) << name;
  }
}

}  // namespace
}  // namespace cairn::raft
