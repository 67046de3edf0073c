#include <utility>

#include "etcd/rpc.pb.h"
#include "kv/apply/request.h"
#include "kv/apply/validate.h"
#include "kv/model/range.h"
#include "kv/store/range_iterator.h"
#include "raft/base/status.h"

namespace cairn::kv {
namespace {

// Numbers of DeleteRangeResponse's fields.
constexpr std::uint32_t kDeleted = 2;
constexpr std::uint32_t kPrevKvs = 3;

}  // namespace

absl::Status ExecuteDeleteRange(ApplyContext& context, std::string_view key, std::string_view range_end,
                                bool prev_kv, MessageWriter& out) {
  Writer& writer = context.writer;
  std::int64_t deleted = 0;
  // The iterator is always past the key that is deleted, so it does not meet the deletions it causes.
  KeyBudget unlimited = KeyBudget::Unlimited();
  RangeIterator it(writer.view(), KeyRange::FromRequest(key, range_end), writer.now(), unlimited);
  for (; it.Valid(); it.Next()) {
    if (prev_kv) CAIRN_RETURN_IF_ERROR(AppendRecord(context, kPrevKvs, it.info(), out));
    writer.Delete(it.key(), it.info());
    ++deleted;
    CAIRN_RETURN_IF_ERROR(writer.SplitIfLarge());
  }
  CAIRN_RETURN_IF_ERROR(it.status());
  out.Int(kDeleted, deleted);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<KvResult>> ApplyDeleteRange(ApplyContext& context, std::string_view body) {
  etcdserverpb::DeleteRangeRequest request;
  if (!request.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    return RefusedResult(context, absl::InvalidArgumentError("the body of the deletion cannot be decoded"));
  }
  if (absl::Status status = CheckDeleteRange(request); !status.ok()) {
    return RefusedResult(context, std::move(status));
  }
  MessageWriter out(context.pin_bytes);
  CAIRN_RETURN_IF_ERROR(
      ExecuteDeleteRange(context, request.key(), request.range_end(), request.prev_kv(), out));
  return FinishResult(context, std::move(out));
}

}  // namespace cairn::kv
