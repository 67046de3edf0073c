#include "cmd/cairnd/node.h"

#include <absl/synchronization/mutex.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cairn/command.pb.h"
#include "cairn_version.h"
#include "cmd/cairnd/data_directory.h"
#include "cmd/cairnd/identity.h"
#include "cmd/cairnd/log.h"
#include "cmd/cairnd/publisher.h"
#include "cmd/cairnd/seen_peers.h"
#include "kv/api/peer_services.h"
#include "kv/api/server.h"
#include "kv/apply/database.h"
#include "kv/model/errors.h"
#include "kv/watch/hub.h"
#include "raft/base/status.h"
#include "raft/log/posix_disk.h"
#include "raft/log/segmented_log.h"
#include "raft/replica/reconcile.h"
#include "raft/replica/runtime.h"
#include "raft/transport/transport.h"

namespace cairn::node {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kTick{10};
// What a command costs beside the client's request: header, kind, version.
constexpr std::size_t kCommandOverhead = 512 << 10;

std::uint64_t RandomNonZero() {
  std::random_device device;
  while (true) {
    const std::uint64_t value = std::uint64_t{device()} << 32 | device();
    if (value != 0) return value;
  }
}

std::string Hex(std::uint64_t id) { return fmt::format("{:x}", id); }

// The other members' addresses and incarnations: from the entry that made the membership, else from what is
// applied; the incarnation, else from who introduced itself here.
std::vector<raft::PeerPort::Peer> PeersOf(raft::NodeId self, const raft::Membership& membership,
                                          const kv::Members& applied, const SeenPeers& seen) {
  std::map<raft::NodeId, raft::PeerPort::Peer> known;
  for (const kv::MemberInfo& member : applied.members) {
    known[member.id] = {.id = member.id, .urls = member.peer_urls, .incarnation = member.incarnation};
  }
  kv::v1::MemberDirectory directory;
  if (!membership.context.empty() && directory.ParseFromString(membership.context)) {
    for (const kv::v1::MemberAttributes& member : directory.members()) {
      raft::PeerPort::Peer& peer = known[raft::NodeId{member.member_id()}];
      peer.id = raft::NodeId{member.member_id()};
      peer.urls.assign(member.peer_urls().begin(), member.peer_urls().end());
      if (member.incarnation() != 0) peer.incarnation = raft::Incarnation{member.incarnation()};
    }
  }
  std::vector<raft::PeerPort::Peer> peers;
  for (const raft::NodeId id : membership.config.All()) {
    const auto found = known.find(id);
    if (id == self || found == known.end()) continue;
    raft::PeerPort::Peer& peer = peers.emplace_back(found->second);
    if (!peer.incarnation) peer.incarnation = seen.IncarnationOf(id);
  }
  return peers;
}

absl::Status CannotListen(const absl::Status& status, std::string_view port, std::string_view flag) {
  if (!absl::IsUnavailable(status)) return Annotate(status, port);
  return {status.code(), fmt::format("{}: {}; stop what uses it (ss -ltnp names it), or give other --{}",
                                     port, MessageOf(status), flag)};
}

class Member final : public Node {
 public:
  Member(const Settings& settings, FatalCallback on_fatal)
      : settings_(settings), bootstrap_(MakeBootstrap(settings)), on_fatal_(std::move(on_fatal)) {}

  ~Member() override {
    if (!stopped_) Stop(milliseconds(0)).IgnoreError();
  }

  absl::Status Start();
  absl::Status Step(steady_clock::time_point now) override;
  absl::Status Stop(milliseconds patience) override;

 private:
  absl::Status OpenDirectory();
  absl::Status OpenStore();
  absl::StatusOr<raft::RestoredState> OpenLog();
  void MakeReplica(raft::RestoredState restored);
  absl::Status StartServers();
  absl::Status RecordIncarnations();
  void TellNews(const raft::GroupStatus& status);
  void HandOver(steady_clock::time_point deadline);

  [[nodiscard]] raft::ReplicaOptions MakeReplicaOptions() const;
  [[nodiscard]] kv::ApiOptions MakeApiOptions() const;
  [[nodiscard]] kv::ApiDependencies MakeApiDependencies();
  [[nodiscard]] kv::MemberIdentity MakeHeaderIdentity();
  void MakeTransport();

  const Settings settings_;
  const Bootstrap bootstrap_;
  const FatalCallback on_fatal_;

  // In the order in which they are made; each uses only what stands above it.
  std::unique_ptr<DataDirectory> directory_;
  std::unique_ptr<SeenPeers> seen_peers_;
  std::unique_ptr<kv::KvDatabase> database_;
  std::unique_ptr<raft::PosixDisk> log_disk_;
  std::unique_ptr<raft::SegmentedLog> log_;  // Until the replica has it.
  std::unique_ptr<raft::ReplicaRuntime> replica_;
  std::unique_ptr<kv::Hub> hub_;
  std::unique_ptr<kv::PeerServices> peer_services_;
  std::unique_ptr<raft::Transport> transport_;
  std::unique_ptr<kv::ApiServer> api_;
  std::unique_ptr<Publisher> publisher_;
  std::shared_ptr<const kv::Members> seen_members_;  // As the replica last heard of them.
  bool announced_ = false;                           // That it serves.
  std::optional<raft::NodeId> seen_leader_;          // As last logged.
  std::uint64_t seen_snapshots_ = 0;                 // Installed ones, as last logged.
  std::set<raft::NodeId> told_of_lost_;              // Members that lost what they had acknowledged.
  bool stopped_ = false;
};

// --- Start ---

absl::Status Member::Start() {
  CAIRN_RETURN_IF_ERROR(OpenDirectory());
  CAIRN_RETURN_IF_ERROR(OpenStore());
  CAIRN_ASSIGN_OR_RETURN(raft::RestoredState restored, OpenLog());
  CAIRN_RETURN_IF_ERROR(directory_->MarkComplete());
  MakeReplica(std::move(restored));
  MakeTransport();
  return StartServers();
}

absl::Status Member::OpenDirectory() {
  CAIRN_ASSIGN_OR_RETURN(directory_,
                         DataDirectory::Open({.path = settings_.data_directory,
                                              .log_path = settings_.log_directory,
                                              .identity = {.cluster = bootstrap_.cluster,
                                                           .member = bootstrap_.self,
                                                           .incarnation = raft::Incarnation{RandomNonZero()}},
                                              .must_exist = settings_.expects_data}));
  absl::StatusOr<std::unique_ptr<SeenPeers>> seen_peers = SeenPeers::Open(directory_->path());
  if (!seen_peers.ok()) return Annotate(seen_peers.status(), "cannot read who the other members are");
  seen_peers_ = *std::move(seen_peers);
  const Identity& identity = directory_->identity();
  LogInfo("opened the data directory", {{"directory", settings_.data_directory},
                                        {"new", directory_->is_new() ? "true" : "false"},
                                        {"cluster", Hex(identity.cluster.value())},
                                        {"member", Hex(identity.member.value())},
                                        {"name", settings_.name}});
  return absl::OkStatus();
}

absl::Status Member::OpenStore() {
  absl::StatusOr<std::unique_ptr<kv::KvDatabase>> database =
      kv::KvDatabase::Open(directory_->store_path(), kv::DatabaseOptions(), bootstrap_.members);
  if (!database.ok()) return Annotate(database.status(), "cannot open the store");
  database_ = *std::move(database);
  return absl::OkStatus();
}

absl::StatusOr<raft::RestoredState> Member::OpenLog() {
  CAIRN_ASSIGN_OR_RETURN(log_disk_, raft::PosixDisk::Open(directory_->log_path()));
  // TakeIdentity() has refused a directory that is empty; this is about one with other files in it.
  absl::StatusOr<raft::SegmentedLog::Opened> opened =
      raft::SegmentedLog::Open(*log_disk_, {.must_exist = !directory_->is_new()});
  if (absl::IsNotFound(opened.status())) {
    return absl::FailedPreconditionError(
        fmt::format("{} holds no log ({}): this member has forgotten what it voted for and what it "
                    "acknowledged; bring it back, or remove the member from the cluster and add it anew",
                    directory_->log_path(), MessageOf(opened.status())));
  }
  if (!opened.ok()) return Annotate(opened.status(), "cannot open the log");
  if (opened->contents.cut_tail) {
    LogWarning("the end of the log was torn and was cut off, as after a power loss",
               {{"place", *opened->contents.cut_tail}});
  }
  log_ = std::move(opened->log);
  const raft::SnapshotMeta state = database_->state_machine().recovered();
  const std::size_t in_log = opened->contents.entries.size();
  absl::StatusOr<raft::RestoredState> restored = raft::Reconcile(std::move(opened->contents), state, *log_);
  if (!restored.ok()) return Annotate(restored.status(), "log and store do not fit together");
  const auto to_apply = std::ranges::count_if(
      restored->entries, [&](const raft::Entry& entry) { return entry.id.index > restored->applied; });
  LogInfo("recovered", {{"applied", fmt::to_string(state.last.index)},
                        {"term", fmt::to_string(restored->hard_state.term)},
                        {"entries_in_log", fmt::to_string(in_log)},
                        {"to_apply", fmt::to_string(to_apply)},
                        {"revision", fmt::to_string(database_->reader().current_revision())}});
  return restored;
}

raft::ReplicaOptions Member::MakeReplicaOptions() const {
  raft::ReplicaOptions options;
  options.core.self = directory_->identity().member;
  options.core.seed = RandomNonZero();
  options.core.heartbeat_ticks = static_cast<int>(settings_.heartbeat_interval / kTick);
  options.core.election_ticks = static_cast<int>(settings_.election_timeout / kTick);
  options.cluster = directory_->identity().cluster;
  options.origin = RandomNonZero();
  options.tick = kTick;
  options.max_payload_bytes = settings_.max_request_bytes + kCommandOverhead;
  options.snapshot_count = settings_.snapshot_count;
  return options;
}

void Member::MakeReplica(raft::RestoredState restored) {
  const raft::NodeId self = directory_->identity().member;
  replica_ = std::make_unique<raft::ReplicaRuntime>(
      MakeReplicaOptions(), std::move(restored), std::move(log_), database_->state_machine(),
      [this, self](const raft::Membership& membership) {
        return PeersOf(self, membership, *database_->members(), *seen_peers_);
      },
      [this](const absl::Status& status) { on_fatal_(status); });
  kv::WatchOptions watch;
  watch.fragment_bytes = MakeApiOptions().receive_limit();
  watch.seed = RandomNonZero();
  watch.max_key_bytes = settings_.max_request_bytes;
  watch.progress_interval = settings_.watch_progress_interval;
  hub_ = kv::Hub::Create(database_->reader(), MakeHeaderIdentity(), watch);
  database_->SetFeed(hub_.get());
}

kv::MemberIdentity Member::MakeHeaderIdentity() {
  return {.cluster_id = directory_->identity().cluster.value(),
          .member_id = directory_->identity().member.value(),
          .raft_term = [replica = replica_.get()] { return replica->term().value(); }};
}

void Member::MakeTransport() {
  const Identity& identity = directory_->identity();
  peer_services_ = kv::PeerServices::Create(MakeApiOptions(), MakeApiDependencies());
  raft::TransportOptions options;
  options.self = identity.member;
  options.cluster = identity.cluster;
  options.incarnation = identity.incarnation;
  options.listen_urls = TextsOf(settings_.listen_peer_urls);
  options.services = peer_services_->services();
  raft::StateMachine& machine = database_->state_machine();
  raft::TransportHooks hooks;
  hooks.open_snapshot = [&machine] { return machine.OpenSnapshot(); };
  hooks.receive_snapshot = [&machine](const raft::SnapshotMeta& meta, std::string_view manifest) {
    return machine.ReceiveSnapshot(meta, manifest);
  };
  using From = raft::TransportHooks::IncarnationFrom;
  hooks.record_incarnation = [this](raft::NodeId member, raft::Incarnation incarnation, From from) {
    return from == From::kMember ? seen_peers_->Record(member, incarnation)
                                 : seen_peers_->Replace(member, incarnation);
  };
  hooks.notice = [](raft::TransportHooks::Severity severity, std::string_view sentence) {
    severity == raft::TransportHooks::Severity::kWarning ? LogWarning(sentence) : LogInfo(sentence);
  };
  transport_ = std::make_unique<raft::Transport>(std::move(options), std::move(hooks));
}

kv::ApiOptions Member::MakeApiOptions() const {
  kv::ApiOptions options;
  for (const Url& url : settings_.listen_client_urls) {
    options.listen.push_back({.host = url.host, .port = url.port});
  }
  options.build_version = CAIRN_VERSION;
  options.max_request_bytes = settings_.max_request_bytes;
  options.max_txn_ops = settings_.max_txn_ops;
  options.quota_bytes = settings_.quota_bytes;
  options.election_timeout = 2 * settings_.election_timeout;
  return options;
}

kv::ApiDependencies Member::MakeApiDependencies() {
  return {.group = *replica_,
          .reader = database_->reader(),
          .hub = *hub_,
          .identity = MakeHeaderIdentity(),
          .members = [this] { return database_->members(); },
          .when_compacted =
              [this](kv::Revision revision, absl::AnyInvocable<void(absl::Status)> done) {
                database_->WhenCompacted(revision, std::move(done));
              },
          .replica_metrics = &replica_->metrics(),
          .transport_stats = [this] { return transport_->stats(); }};
}

// Both ports are bound before anything moves: an address in use is the likeliest reason not to start.
absl::Status Member::StartServers() {
  CAIRN_RETURN_IF_ERROR(CannotListen(transport_->Start(*replica_), "peer port", "listen-peer-urls"));
  absl::StatusOr<std::unique_ptr<kv::ApiServer>> api =
      kv::ApiServer::Start(MakeApiOptions(), MakeApiDependencies());
  if (!api.ok()) return CannotListen(api.status(), "client port", "listen-client-urls");
  api_ = *std::move(api);
  replica_->Start(*transport_);

  kv::MemberInfo self;
  self.id = directory_->identity().member;
  self.name = settings_.name;
  self.client_urls = settings_.advertise_client_urls;
  self.peer_urls = settings_.advertise_peer_urls;
  self.incarnation = directory_->identity().incarnation;
  publisher_ =
      std::make_unique<Publisher>(*replica_, [this] { return database_->members(); }, std::move(self));
  return absl::OkStatus();
}

// --- Run ---

absl::Status Member::Step(steady_clock::time_point now) {
  absl::Status published = publisher_->Step(now);
  if (!published.ok()) return Annotate(published, "the cluster refuses this member");
  // A member's incarnation comes with its first announcement, not with a change of membership: the transport
  // hears of it here, and holds it against whoever comes back without that member's data.
  if (std::shared_ptr<const kv::Members> members = database_->members(); members != seen_members_) {
    seen_members_ = std::move(members);
    CAIRN_RETURN_IF_ERROR(RecordIncarnations());
    replica_->PeersChanged();
  }
  TellNews(replica_->status());
  return absl::OkStatus();
}

// What is applied may be forgotten in a crash until it is flushed, and a member without its data might come
// first then.
absl::Status Member::RecordIncarnations() {
  for (const kv::MemberInfo& member : seen_members_->members) {
    if (!member.incarnation || member.id == directory_->identity().member) continue;
    CAIRN_RETURN_IF_ERROR(Annotate(seen_peers_->Replace(member.id, *member.incarnation),
                                   "cannot record the incarnation of a member"));
  }
  return absl::OkStatus();
}

void Member::TellNews(const raft::GroupStatus& status) {
  if (status.leader != seen_leader_) {
    seen_leader_ = status.leader;
    LogInfo(status.is_leader() ? "leading"
            : status.leader    ? "following"
                               : "no leader",
            {{"leader", status.leader ? Hex(status.leader->value()) : "none"},
             {"term", fmt::to_string(status.term)}});
  }
  if (!announced_ && status.leader) {
    announced_ = true;
    LogInfo("serving", {{"clients", fmt::format("{}", fmt::join(TextsOf(settings_.listen_client_urls), ","))},
                        {"peers", fmt::format("{}", fmt::join(transport_->listen_urls(), ","))}});
  }
  if (const std::uint64_t installed = replica_->metrics().snapshots_installed; installed != seen_snapshots_) {
    seen_snapshots_ = installed;
    LogInfo("a snapshot has replaced the state", {{"applied", fmt::to_string(status.applied)}});
  }
  for (const raft::NodeId member : status.lost_acknowledged) {
    if (!told_of_lost_.insert(member).second) continue;
    LogError(
        "a member's log lacks entries that it had acknowledged: its disk lies, or an old copy was put back; "
        "remove it and add it anew",
        {{"member", Hex(member.value())}});
  }
}

// --- Stop ---

// While we still serve: requests that come meanwhile go to the new leader.
void Member::HandOver(steady_clock::time_point deadline) {
  const raft::GroupStatus status = replica_->status();
  if (!status.is_leader() || status.config.voters.size() < 2) return;
  struct Waiting {
    absl::Mutex mu;
    std::optional<absl::Status> result;
  };
  const auto waiting = std::make_shared<Waiting>();  // The answer may come after we have given up.
  replica_->TransferLeadership(std::nullopt, [waiting](absl::Status result) {
    absl::MutexLock lock(&waiting->mu);
    waiting->result = std::move(result);
  });
  absl::MutexLock lock(&waiting->mu);
  const auto answered = [&waiting] { return waiting->result.has_value(); };
  const absl::Duration patience = absl::FromChrono(deadline - steady_clock::now());
  if (waiting->mu.AwaitWithTimeout(absl::Condition(&answered), patience) && waiting->result->ok()) {
    LogInfo("handed leadership over");
  } else {
    LogWarning("could not hand leadership over; the others will elect a leader");
  }
}

absl::Status Member::Stop(milliseconds patience) {
  stopped_ = true;
  const steady_clock::time_point deadline = steady_clock::now() + patience;
  const bool graceful = patience.count() > 0;
  if (replica_ != nullptr && graceful)
    HandOver(std::min(deadline, steady_clock::now() + 4 * settings_.election_timeout));
  // Compact(physical) waits for work that may take minutes, and that is done all the same.
  if (database_ != nullptr) database_->GiveUpWaiting(kv::errors::Stopped());
  if (api_ != nullptr) api_->Drain(deadline);
  if (replica_ != nullptr) {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now());
    replica_->Stop({.hand_over = graceful, .patience = std::max(left, milliseconds(0))});
  }
  // What the replica has answered at its end goes out before the connections are closed.
  if (api_ != nullptr) api_->Shutdown();
  publisher_.reset();
  api_.reset();
  if (transport_ != nullptr) transport_->Stop();
  transport_.reset();
  peer_services_.reset();
  absl::Status closed;
  if (database_ != nullptr) {
    database_->SetFeed(nullptr);
    closed = database_->Close();
  }
  hub_.reset();
  replica_.reset();
  database_.reset();
  log_disk_.reset();
  seen_peers_.reset();
  directory_.reset();
  return closed;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Node>> Node::Start(const Settings& settings, FatalCallback on_fatal) {
  auto node = std::make_unique<Member>(settings, std::move(on_fatal));
  CAIRN_RETURN_IF_ERROR(node->Start());
  return node;
}

}  // namespace cairn::node
