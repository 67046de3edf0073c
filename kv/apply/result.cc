#include <fmt/format.h>

#include <utility>

#include "kv/apply/request.h"
#include "raft/base/status.h"

namespace cairn::kv {

std::unique_ptr<KvResult> RefusedResult(const ApplyContext& context, absl::Status status) {
  auto result = std::make_unique<KvResult>();
  result->status = std::move(status);
  result->revision = context.writer.revision();
  return result;
}

std::unique_ptr<KvResult> FinishResult(const ApplyContext& context, MessageWriter&& out) {
  auto result = std::make_unique<KvResult>();
  result->revision = context.writer.visible_revision();
  if (!context.answer) return result;
  if (context.answer_too_large || out.bytes() > context.answer_bytes) {
    // Unavailable, because clients take any other code as "not done".
    result->status = absl::UnavailableError(fmt::format(
        "etcdserver: the request took effect at revision {}, but its answer exceeds {} bytes: read the "
        "keys in parts",
        result->revision, context.answer_bytes));
    return result;
  }
  result->body = std::move(out).Finish();
  return result;
}

absl::Status AppendRecord(ApplyContext& context, std::uint32_t field, const VersionInfo& info,
                          MessageWriter& out) {
  if (!context.answer || context.answer_too_large) return absl::OkStatus();
  CAIRN_ASSIGN_OR_RETURN(FoundRecord record, context.writer.view().RecordOf(info));
  if (record.bytes().size() < out.pin_bytes()) {
    out.Message(field, record.bytes());
  } else {
    out.Message(field, std::move(record).Share(context.writer.view().generation()));
  }
  if (out.bytes() > context.answer_bytes) context.answer_too_large = true;
  return absl::OkStatus();
}

}  // namespace cairn::kv
