#include "kv/client/watch_cursor.h"

namespace cairn::kv::client {

void WatchCursor::OnCreated(std::int64_t store_revision) {
  if (resume_ > 0) return;
  // "From now on" begins after this revision, and keeps that meaning if the stream breaks before any event.
  resume_ = store_revision + 1;
  delivered_ = store_revision;
}

absl::StatusOr<std::optional<pb::WatchResponse>> WatchCursor::OnResponse(pb::WatchResponse response) {
  if (fragments_.has_value()) {
    // The pieces of one response are contiguous on the stream.
    for (mvccpb::Event& event : *response.mutable_events()) fragments_->add_events()->Swap(&event);
    fragments_->set_fragment(response.fragment());
    response = *std::exchange(fragments_, std::nullopt);
  }
  if (response.fragment()) {
    fragments_ = std::move(response);
    return std::nullopt;
  }
  if (response.events().empty()) {
    resume_ = std::max(resume_, response.header().revision() + 1);
    return response;
  }
  if (absl::Status status = DropDelivered(response); !status.ok()) return status;
  if (response.events().empty()) return std::nullopt;
  // Not the header's revision: while a watch catches up, that is ahead of what the response holds.
  delivered_ = response.events().rbegin()->kv().mod_revision();
  resume_ = std::max(resume_, delivered_ + 1);
  return response;
}

absl::Status WatchCursor::DropDelivered(pb::WatchResponse& response) {
  std::int64_t previous = 0;
  int repeated = 0;
  for (const mvccpb::Event& event : response.events()) {
    const std::int64_t revision = event.kv().mod_revision();
    if (revision < previous) {
      return absl::DataLossError(fmt::format(
          "the server sent an event of revision {} after one of revision {}", revision, previous));
    }
    previous = revision;
    if (revision <= delivered_) ++repeated;
  }
  // They are in order, so what is old is in front.
  response.mutable_events()->DeleteSubrange(0, repeated);
  repeated_ += repeated;
  return absl::OkStatus();
}

}  // namespace cairn::kv::client
