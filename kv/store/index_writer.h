#pragma once

#include <absl/status/status.h>

namespace cairn::kv {

class Generation;

// Writes the oldest frozen table of the key index to the index family, moves the watermark and drops the
// table. Nothing to do is OK. May be repeated after a crash in the middle. The worker's thread, or before
// there is one.
//
// The family has one row for the newest version of a key, found by Get, and one row for each older version.
// A new version turns the row of the one before it into a row of the second sort, in the same batch.
absl::Status WriteOldestBehind(Generation& generation);

}  // namespace cairn::kv
