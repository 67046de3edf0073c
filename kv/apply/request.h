#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "kv/apply/kv_result.h"
#include "kv/model/message_writer.h"
#include "kv/store/writer.h"
#include "proto/etcd/rpc_fwd.h"

// Every kind of request, one source each. A function applies one request to the writer and answers it: what
// the client did wrong is in the result's status, and the state is unchanged; an error of the function itself
// means that this node cannot go on.
namespace cairn::kv {

// What a request is applied with.
struct ApplyContext {
  Writer& writer;
  bool answer = false;           // Somebody waits for the body.
  std::size_t answer_bytes = 0;  // The largest body.
  std::size_t pin_bytes = 0;
  bool answer_too_large = false;  // Found out on the way: nothing more is collected, the effects go on.
};

// A client's mistake, apart from errors of our own: OK if there is none.
struct Refusal {
  absl::Status status;
};

using ApplyRequest = absl::StatusOr<std::unique_ptr<KvResult>> (*)(ApplyContext& context,
                                                                   std::string_view body);

absl::StatusOr<std::unique_ptr<KvResult>> ApplyPut(ApplyContext& context, std::string_view body);
absl::StatusOr<std::unique_ptr<KvResult>> ApplyDeleteRange(ApplyContext& context, std::string_view body);
absl::StatusOr<std::unique_ptr<KvResult>> ApplyTxn(ApplyContext& context, std::string_view body);
absl::StatusOr<std::unique_ptr<KvResult>> ApplyCompact(ApplyContext& context, std::string_view body);
absl::StatusOr<std::unique_ptr<KvResult>> ApplyPublishMember(ApplyContext& context, std::string_view body);

// --- Parts that a transaction shares with the requests of their own ---

struct PutFields {
  std::string_view key;
  std::string_view value;
  LeaseId lease{};
  bool prev_kv = false;
  bool ignore_value = false;
  bool ignore_lease = false;
};

// PutRequest by hand: parsing it with protobuf would copy the value. What protobuf takes for an unknown field
// is passed over, a known number with another wire type too. Nothing if it is not an encoded message; groups,
// which no encoder of ours or of etcd's clients writes, are none.
std::optional<PutFields> DecodePut(std::string_view body);

// Whether the put may be applied to the state at writer.before().
absl::StatusOr<Refusal> MayPut(const Writer& writer, const PutFields& put);
// Appends the PutResponse's fields but the header. REQUIRES: MayPut().
absl::Status ExecutePut(ApplyContext& context, const PutFields& put, MessageWriter& out);

// Appends the DeleteRangeResponse's fields but the header.
absl::Status ExecuteDeleteRange(ApplyContext& context, std::string_view key, std::string_view range_end,
                                bool prev_kv, MessageWriter& out);

// Appends the record `info` stands for as field `field`, if somebody waits for the answer and it is not too
// large.
absl::Status AppendRecord(ApplyContext& context, std::uint32_t field, const VersionInfo& info,
                          MessageWriter& out);

// --- Results ---

std::unique_ptr<KvResult> RefusedResult(const ApplyContext& context, absl::Status status);
// With `out` as its body if somebody waits for it. The request took effect: an answer that is too large is
// replaced by an error that says so and leaves no doubt about the effect.
std::unique_ptr<KvResult> FinishResult(const ApplyContext& context, MessageWriter&& out);

}  // namespace cairn::kv
