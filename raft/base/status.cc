#include "raft/base/status.h"

#include <absl/strings/cord.h>
#include <fmt/format.h>

namespace cairn {
namespace {

constexpr absl::string_view kCorruptionMark = "cairn/corruption";

}  // namespace

absl::Status Corruption(std::string_view file, std::uint64_t offset, std::string_view what) {
  absl::Status status = absl::DataLossError(fmt::format("{}: damaged at offset {}: {}", file, offset, what));
  status.SetPayload(kCorruptionMark, absl::Cord());
  return status;
}

bool IsCorruption(const absl::Status& status) { return status.GetPayload(kCorruptionMark).has_value(); }

absl::Status Annotate(const absl::Status& status, std::string_view context) {
  if (status.ok()) return status;
  absl::Status annotated(status.code(), fmt::format("{}: {}", context, MessageOf(status)));
  status.ForEachPayload(
      [&](absl::string_view url, const absl::Cord& payload) { annotated.SetPayload(url, payload); });
  return annotated;
}

}  // namespace cairn
