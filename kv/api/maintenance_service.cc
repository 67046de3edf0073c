#include "kv/api/maintenance_service.h"

#include "kv/api/errors.h"
#include "kv/api/header.h"
#include "kv/model/errors.h"
#include "raft/base/status.h"

namespace cairn::kv::api {
namespace {

template <class Response>
void AnswerEmpty(UnaryCall& call) {
  Response response;
  FillHeader(call.backend(), call.backend().deps.reader.current_revision(), response);
  call.Answer(response);
}

KvResult ResultOf(const google::protobuf::MessageLite& headless, Revision revision) {
  KvResult result;
  result.revision = revision;
  result.body.push_back(Bytes::Own(headless.SerializeAsString()));
  return result;
}

void AnswerResult(UnaryCall& call) {
  if (!call.RefusedAfterWait()) call.Answer(call.result().revision, call.result().body);
}

}  // namespace

etcdserverpb::StatusResponse DescribeStatus(const Backend& backend) {
  const raft::GroupStatus raft = backend.deps.group.status();
  const Reader::Sizes sizes = backend.deps.reader.sizes();
  etcdserverpb::StatusResponse response;
  FillHeader(backend, backend.deps.reader.current_revision(), response);
  response.set_version(backend.options.etcd_version);
  response.set_storageversion(backend.options.etcd_version);
  // Clients divide by the first and alarm on the second being larger.
  const std::uint64_t allocated = std::max<std::uint64_t>({sizes.allocated, sizes.in_use, 1});
  response.set_dbsize(static_cast<std::int64_t>(allocated));
  response.set_dbsizeinuse(static_cast<std::int64_t>(std::max<std::uint64_t>(sizes.in_use, 1)));
  response.set_dbsizequota(backend.options.quota_bytes);
  response.set_leader(raft.leader ? raft.leader->value() : 0);
  response.set_raftindex(raft.commit.value());
  response.set_raftterm(raft.term.value());
  response.set_raftappliedindex(raft.applied.value());
  response.set_islearner(raft.config.IsLearner(raft.self));
  response.mutable_downgradeinfo();
  if (!raft.leader) response.add_errors(std::string(MessageOf(errors::NoLeader())));
  return response;
}

void ServeStatus(UnaryCall& call) { call.Answer(DescribeStatus(call.backend())); }

void ServeAlarm(UnaryCall& call) {
  const auto* request = call.Parse<etcdserverpb::AlarmRequest>();
  if (request == nullptr) return;
  // Nothing raises an alarm yet, so there are none to list and none to take back.
  if (request->action() == etcdserverpb::AlarmRequest::ACTIVATE && request->alarm() != etcdserverpb::NONE) {
    return call.Refuse(NotImplemented("alarms", "they come with a later version"));
  }
  AnswerEmpty<etcdserverpb::AlarmResponse>(call);
}

void ServeDefragment(UnaryCall& call) { AnswerEmpty<etcdserverpb::DefragmentResponse>(call); }

void ServeHashKv(UnaryCall& call) {
  const auto* request = call.Parse<etcdserverpb::HashKVRequest>();
  if (request == nullptr) return;
  call.OnWorker(
      call.backend().history_worker,
      [revision = Revision{request->revision()}](Backend& backend) -> absl::StatusOr<KvResult> {
        CAIRN_ASSIGN_OR_RETURN(const Reader::Hash hash, backend.deps.reader.HashKv(revision));
        etcdserverpb::HashKVResponse response;
        response.set_hash(hash.hash);
        response.set_compact_revision(hash.compacted.value());
        response.set_hash_revision(hash.hashed.value());
        return ResultOf(response, hash.current);
      },
      &AnswerResult);
}

void ServeHash(UnaryCall& call) {
  call.OnWorker(
      call.backend().history_worker,
      [](Backend& backend) -> absl::StatusOr<KvResult> {
        CAIRN_ASSIGN_OR_RETURN(const Reader::Hash hash, backend.deps.reader.HashKv(Revision{0}));
        etcdserverpb::HashResponse response;
        response.set_hash(hash.hash);
        return ResultOf(response, hash.current);
      },
      &AnswerResult);
}

void ServeMoveLeader(UnaryCall& call) {
  const auto* request = call.Parse<etcdserverpb::MoveLeaderRequest>();
  if (request == nullptr) return;
  const raft::GroupStatus raft = call.backend().deps.group.status();
  const raft::NodeId target{request->targetid()};
  if (!raft.is_leader()) return call.Refuse(errors::NotLeader());
  if (!raft.config.IsVoter(target)) return call.Refuse(errors::BadLeaderTransferee());
  if (target == raft.self) return AnswerEmpty<etcdserverpb::MoveLeaderResponse>(call);
  call.Wait([](UnaryCall& waited) {
    const absl::Status& moved = waited.wait_status();
    if (moved.ok()) return AnswerEmpty<etcdserverpb::MoveLeaderResponse>(waited);
    if (raft::RaftErrorOf(moved) == raft::RaftError::kStopped) return waited.Refuse(moved);
    // Without a RaftError the transfer has not begun: leadership or the target's vote was lost between our
    // look and the replica's.
    if (raft::RaftErrorOf(moved)) return waited.Refuse(TransferTookTooLong());
    waited.Refuse(absl::IsInvalidArgument(moved) ? errors::BadLeaderTransferee() : errors::NotLeader());
  });
  call.backend().deps.group.TransferLeadership(
      target, [&call](absl::Status status) { call.Wake(std::move(status)); });
}

}  // namespace cairn::kv::api
