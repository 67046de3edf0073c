#pragma once

#include <absl/status/statusor.h>

#include "kv/store/reader.h"
#include "kv/store/view.h"

namespace cairn::kv {

// Reader::ReadHistory() on one view.
absl::StatusOr<HistoryChunk> ReadHistoryOf(const View& view, RevisionId from, const KeyRange* range,
                                           const HistoryLimits& limits);

// Reader::HashKv() on one view.
absl::StatusOr<Reader::Hash> HashHistory(const View& view, Revision revision);

}  // namespace cairn::kv
