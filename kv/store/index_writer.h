#pragma once

#include <absl/status/status.h>

#include <string_view>

#include "kv/model/revision.h"

namespace cairn::kv {

class Generation;
class OrderedKv;
class WriteBatch;

// Writes the oldest frozen table of the key index to the index family, moves the watermark and drops the
// table. Nothing to do is OK. May be repeated after a crash in the middle. The worker's thread, or before
// there is one.
//
// The family has one row for the newest version of a key, found by Get, and one row for each older version.
// A new version turns the row of the one before it into a row of the second sort, in the same batch.
absl::Status WriteOldestBehind(Generation& generation);

// Adds to `batch` what removes the versions of `key` above `at` from the index family, if it has any: the
// newest one that is left is the key's newest again. For a request that was not finished; may be repeated.
absl::Status TakeBack(OrderedKv& kv, WriteBatch& batch, std::string_view key, RevisionId at);

}  // namespace cairn::kv
