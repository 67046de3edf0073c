#include "tests/raft/transport/recorder.h"

#include <gtest/gtest.h>

#include "raft/transport/peer_url.h"

namespace cairn::raft::testing {

int Recorder::Seen::NoticesWith(std::string_view text) const {
  int count = 0;
  for (const std::string& notice : notices) count += notice.find(text) != std::string::npos ? 1 : 0;
  return count;
}

bool Recorder::WaitFor(const std::function<bool(const Seen&)>& condition) {
  absl::MutexLock lock(&mu_);
  const auto holds = [&] { return condition(seen_); };
  return mu_.AwaitWithTimeout(absl::Condition(&holds), patience);
}

std::string Recorder::notices() {
  absl::MutexLock lock(&mu_);
  std::string all;
  for (const std::string& notice : seen_.notices) all += notice + "\n";
  return all;
}

void Recorder::Hold() {
  absl::MutexLock lock(&mu_);
  held_ = true;
}

void Recorder::LetGo() {
  absl::MutexLock lock(&mu_);
  held_ = false;
}

void Recorder::SetDiskFull(bool full) {
  absl::MutexLock lock(&mu_);
  disk_full_ = full;
}

TransportHooks Recorder::hooks() {
  return {.open_snapshot = {},
          .receive_snapshot = {},
          .record_incarnation = [this](NodeId member, Incarnation incarnation,
                                       TransportHooks::IncarnationFrom from) -> absl::Status {
            absl::MutexLock lock(&mu_);
            if (disk_full_) {
              ++seen_.not_recorded;
              return absl::ResourceExhaustedError("no space left on device");
            }
            seen_.recorded.push_back({member, incarnation, from});
            return absl::OkStatus();
          },
          .notice =
              [this](TransportHooks::Severity /*severity*/, std::string_view sentence) {
                absl::MutexLock lock(&mu_);
                seen_.notices.emplace_back(sentence);
              }};
}

void Recorder::OnPeerMessages(NodeId from, std::vector<PeerMessage> messages) {
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(+[](bool* held) { return !*held; }, &held_));
  for (PeerMessage& message : messages) seen_.messages.emplace_back(from, std::move(message));
}

void Recorder::OnPeerUnreachable(NodeId peer) {
  absl::MutexLock lock(&mu_);
  ++seen_.unreachable[peer];
}

void Recorder::OnStreamBroken(NodeId peer) {
  absl::MutexLock lock(&mu_);
  ++seen_.broken[peer];
}

void Recorder::OnSnapshotSent(NodeId to, std::optional<Index> index) {
  absl::MutexLock lock(&mu_);
  seen_.sent.emplace_back(to, index);
}

void Recorder::OnSnapshotReceived(NodeId from, Term term, std::unique_ptr<SnapshotSink> sink) {
  absl::MutexLock lock(&mu_);
  seen_.arrived.emplace_back(from, term, std::move(sink));
}

TestMember::TestMember(std::uint64_t id, std::uint64_t cluster, std::uint64_t incarnation) {
  options.self = NodeId{id};
  options.cluster = ClusterId{cluster};
  options.incarnation = Incarnation{incarnation == 0 ? 7000 + id : incarnation};
  options.listen_urls = {"http://127.0.0.1:0"};
  options.refused_pause = std::chrono::milliseconds(50);
}

absl::Status TestMember::Start() {
  transport = std::make_unique<Transport>(options, hooks);
  if (absl::Status started = transport->Start(recorder); !started.ok()) return started;
  url_ = transport->listen_urls().at(0);
  options.listen_urls = {url_};  // The next start takes the same port.
  return absl::OkStatus();
}

PeerPort::Peer TestMember::AsPeer(bool with_incarnation) const {
  PeerPort::Peer peer{.id = id(), .urls = {url_}, .incarnation = {}};
  if (with_incarnation) peer.incarnation = options.incarnation;
  return peer;
}

std::uint16_t TestMember::port() const { return ParsePeerUrl(url_)->port; }

PeerStats TestMember::StatsOf(NodeId peer) const {
  for (const PeerStats& stats : transport->stats().peers) {
    if (stats.id == peer) return stats;
  }
  return {};
}

void Connect(const std::vector<TestMember*>& members) {
  for (TestMember* member : members) {
    const absl::Status started = member->transport == nullptr ? member->Start() : absl::OkStatus();
    ASSERT_TRUE(started.ok()) << started;
  }
  std::vector<PeerPort::Peer> peers;
  for (const TestMember* member : members) peers.push_back(member->AsPeer());
  for (TestMember* member : members) member->transport->SetPeers(peers);
  for (std::size_t i = 0; i < members.size(); ++i) {
    for (std::size_t j = i + 1; j < members.size(); ++j) {
      ASSERT_TRUE(WaitUntilConnected(*members[i], *members[j]));
    }
  }
}

bool WaitUntilConnected(TestMember& a, TestMember& b) {
  // The notice comes when the stream is up, so the condition is looked at again then.
  const auto sees = [](TestMember& one, NodeId other) {
    return one.recorder.WaitFor([&](const Recorder::Seen&) { return one.StatsOf(other).connected; });
  };
  return sees(a, b.id()) && sees(b, a.id());
}

PeerMessage Numbered(std::uint64_t number, std::size_t bytes) {
  AppendRequest append{
      .previous = {.term = Term{1}, .index = Index{number}}, .entries = {}, .commit = {}, .time = {}};
  if (bytes > 0) {
    append.entries.push_back({.id = {.term = Term{1}, .index = Index{number + 1}},
                              .kind = EntryKind::kCommand,
                              .time = {},
                              .proposal = {},
                              .payload = Payload::FromString(std::string(bytes, 'x'))});
  }
  return Message{.term = Term{1}, .body = std::move(append)};
}

std::uint64_t NumberOf(const PeerMessage& message) {
  return std::get<AppendRequest>(std::get<Message>(message).body).previous.index.value();
}

PeerMessage Heartbeat(std::uint64_t round) {
  return Message{.term = Term{1},
                 .body = HeartbeatRequest{.commit = {}, .round = ReadRound{round}, .time = {}}};
}

}  // namespace cairn::raft::testing
