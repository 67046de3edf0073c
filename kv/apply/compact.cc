#include <utility>

#include "etcd/rpc.pb.h"
#include "kv/apply/request.h"
#include "kv/model/errors.h"
#include "raft/base/status.h"

namespace cairn::kv {

absl::StatusOr<std::unique_ptr<KvResult>> ApplyCompact(ApplyContext& context, std::string_view body) {
  etcdserverpb::CompactionRequest request;
  if (!request.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    return RefusedResult(context, absl::InvalidArgumentError("the body of the compaction cannot be decoded"));
  }
  const Revision revision{request.revision()};
  if (revision <= context.writer.compacted()) return RefusedResult(context, errors::Compacted());
  if (revision > context.writer.revision()) return RefusedResult(context, errors::FutureRevision());
  // The mark is all there is to apply; what it made dead is removed in the background. Waiting for that, if
  // the request is physical, is the answering member's affair (KvDatabase::WhenCompacted).
  context.writer.SetCompacted(revision);
  return FinishResult(context, MessageWriter(context.pin_bytes));
}

}  // namespace cairn::kv
