#include "kv/api/kv_service.h"

#include <algorithm>
#include <utility>

#include "etcd/rpc.pb.h"
#include "kv/api/errors.h"
#include "kv/apply/validate.h"
#include "kv/model/errors.h"
#include "raft/base/status.h"

namespace cairn::kv::api {
namespace {

using etcdserverpb::CompactionRequest;
using etcdserverpb::DeleteRangeRequest;
using etcdserverpb::PutRequest;
using etcdserverpb::RangeRequest;
using etcdserverpb::TxnRequest;

// The common end of both kinds of reads.
void AnswerRead(UnaryCall& call, absl::StatusOr<ReadAnswer> answer) {
  if (!answer.ok()) return call.Refuse(answer.status());
  // Only now is the size known: clients that do not take large answers must not stop small ones.
  if (SizeOf(answer->body) >= kLargeAnswer && TooManyResponseBytes(call.backend())) {
    return call.Refuse(errors::TooManyRequests());
  }
  call.Answer(answer->revision, answer->body);
}

// What a poller reads itself. More is done on the worker, so that the other calls of the poller need not
// wait.
constexpr ReadLimits kOnPoller = {.max_bytes = kLargeAnswer, .max_keys = 512};

ReadLimits MostOf(const Backend& backend) { return {.max_bytes = backend.options.max_response_bytes}; }

// With kOnPoller: in keys or in bytes.
bool IsTooMuch(const absl::Status& status) {
  return status == errors::TooMuchForNow() || absl::IsResourceExhausted(status);
}

template <class Read>
void ReadOnWorker(UnaryCall& call, Read read) {
  call.OnWorker(
      call.backend().range_worker,
      [read, &gone = call.gone()](Backend& backend) -> absl::StatusOr<KvResult> {
        ReadLimits limits = MostOf(backend);
        limits.abandoned = &gone;
        CAIRN_ASSIGN_OR_RETURN(ReadAnswer answer, read(backend.deps.reader, limits));
        KvResult result;
        result.revision = answer.revision;
        result.body = std::move(answer.body);
        return result;
      },
      [](UnaryCall& waited) {
        if (waited.RefusedAfterWait()) return;
        AnswerRead(waited,
                   ReadAnswer{.revision = waited.result().revision, .body = std::move(waited.result().body)});
      });
}

void ReadRange(UnaryCall& call) {
  const auto& request = call.parsed<RangeRequest>();
  const auto read = [&request](Reader& reader, const ReadLimits& limits) {
    return reader.Range(request, limits);
  };
  Backend& backend = call.backend();
  // One key is as fast as it gets, however large its value is.
  if (request.range_end().empty()) return AnswerRead(call, read(backend.deps.reader, MostOf(backend)));
  absl::StatusOr<ReadAnswer> answer = read(backend.deps.reader, kOnPoller);
  if (IsTooMuch(answer.status())) return ReadOnWorker(call, read);
  AnswerRead(call, std::move(answer));
}

void ReadTxn(UnaryCall& call) {
  const auto& request = call.parsed<TxnRequest>();
  const auto read = [&request](Reader& reader, const ReadLimits& limits) {
    return reader.ReadOnlyTxn(request, limits);
  };
  absl::StatusOr<ReadAnswer> answer = read(call.backend().deps.reader, kOnPoller);
  if (IsTooMuch(answer.status())) return ReadOnWorker(call, read);
  AnswerRead(call, std::move(answer));
}

// A compare-only transaction, which etcd answers from local state, is linearizable here: it has no range that
// asks for anything less.
bool IsSerializable(const TxnRequest& request) {
  bool any = false;
  for (const auto* ops : {&request.success(), &request.failure()}) {
    for (const etcdserverpb::RequestOp& op : *ops) {
      any = true;
      if (!op.request_range().serializable()) return false;
    }
  }
  return any;
}

// Whether the answer of a write may be as large as that of a read. It must be given once the write has
// happened, so such a write is admitted only when there is room.
bool MayReturnMuch(const etcdserverpb::TxnRequest& txn) {  // NOLINT(misc-no-recursion): CheckTxn() bounds it.
  const auto much = [](const etcdserverpb::RequestOp& op) {  // NOLINT(misc-no-recursion)
    return op.has_request_range() || op.request_put().prev_kv() || op.request_delete_range().prev_kv() ||
           (op.has_request_txn() && MayReturnMuch(op.request_txn()));
  };
  return std::any_of(txn.success().begin(), txn.success().end(), much) ||
         std::any_of(txn.failure().begin(), txn.failure().end(), much);
}

void ProposeIfRoom(UnaryCall& call, CommandKind kind, bool may_return_much) {
  if (may_return_much && TooManyResponseBytes(call.backend())) return call.Refuse(errors::TooManyRequests());
  call.Propose(kind);
}

// Compact(physical) is answered when the history is gone on this member, not only out of reach.
void WaitForRemoval(UnaryCall& call) {
  if (!call.wait_status().ok()) return call.Refuse(call.wait_status());
  if (!call.result().status.ok()) return call.Refuse(call.result().status);
  call.Wait([](UnaryCall& waited) {
    if (waited.RefusedAfterWait()) return;
    // The removal has no answer of its own; the compaction's has only a header.
    waited.Answer(waited.backend().deps.reader.current_revision(), {});
  });
  call.backend().deps.when_compacted(Revision{call.parsed<CompactionRequest>().revision()},
                                     [&call](absl::Status status) { call.Wake(std::move(status)); });
}

}  // namespace

bool TooManyResponseBytes(const Backend& backend) {
  return backend.response_bytes_in_flight.load(std::memory_order_relaxed) >=
         backend.options.max_response_bytes_in_flight;
}

void ServeRange(UnaryCall& call) {
  const auto* request = call.Parse<RangeRequest>();
  if (request == nullptr) return;
  if (const absl::Status valid = CheckRange(*request); !valid.ok()) return call.Refuse(valid);
  if (request->serializable()) return ReadRange(call);
  call.AfterReadBarrier([](UnaryCall& waited) {
    if (!waited.RefusedAfterWait()) ReadRange(waited);
  });
}

void ServePut(UnaryCall& call) {
  const auto* request = call.Parse<PutRequest>();
  if (request == nullptr) return;
  if (const absl::Status valid = CheckPut(*request); !valid.ok()) return call.Refuse(valid);
  ProposeIfRoom(call, CommandKind::kPut, request->prev_kv());
}

void ServeDeleteRange(UnaryCall& call) {
  const auto* request = call.Parse<DeleteRangeRequest>();
  if (request == nullptr) return;
  if (const absl::Status valid = CheckDeleteRange(*request); !valid.ok()) return call.Refuse(valid);
  ProposeIfRoom(call, CommandKind::kDeleteRange, request->prev_kv());
}

void ServeTxn(UnaryCall& call) {
  const auto* request = call.Parse<TxnRequest>();
  if (request == nullptr) return;
  const absl::Status valid = CheckTxn(*request, call.backend().options.max_txn_ops);
  if (!valid.ok()) return call.Refuse(valid);
  if (!IsReadOnly(*request)) return ProposeIfRoom(call, CommandKind::kTxn, MayReturnMuch(*request));
  if (IsSerializable(*request)) return ReadTxn(call);
  call.AfterReadBarrier([](UnaryCall& waited) {
    if (!waited.RefusedAfterWait()) ReadTxn(waited);
  });
}

void ServeCompact(UnaryCall& call) {
  const auto* request = call.Parse<CompactionRequest>();
  if (request == nullptr) return;
  if (const absl::Status valid = CheckCompact(*request); !valid.ok()) return call.Refuse(valid);
  if (request->physical() && call.backend().deps.when_compacted) {
    return call.ProposeThen(CommandKind::kCompact, &WaitForRemoval);
  }
  call.Propose(CommandKind::kCompact);
}

}  // namespace cairn::kv::api
