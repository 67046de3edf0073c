#pragma once

#include <absl/status/statusor.h>

#include <cstddef>

#include "kv/store/reader.h"
#include "kv/store/view.h"

namespace cairn::kv {

// Reader::ReadHistory() on one view.
absl::StatusOr<HistoryChunk> ReadHistoryOf(const View& view, Revision from, const KeyRange* range,
                                           std::size_t max_revisions, std::size_t max_bytes);

// Reader::HashKv() on one view.
absl::StatusOr<Reader::Hash> HashHistory(const View& view, Revision revision);

}  // namespace cairn::kv
