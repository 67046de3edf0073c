#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace cairn::kv {

// Sizes of one store. The defaults suit a machine with two cores and a few GiB of memory.
struct StoreOptions {
  std::size_t block_cache_bytes = 64 << 20;  // RocksDB's cache of blocks, shared by all families.
  std::size_t memtable_bytes = 32 << 20;     // Of the revisions; the other families take a fraction of it.
  std::size_t key_index_bytes = 48 << 20;    // The key index in memory is frozen at this size ...
  std::size_t key_index_tail_bytes = 128
                                     << 20;  // ... or when its records sum up to this: a restart reads them.
  std::size_t key_index_frozen_max = 2;      // Frozen tables that wait; then the applier waits too.
  int background_jobs = 2;                   // RocksDB's flushes and compactions at the same time.

  std::size_t compaction_step = 2048;                      // Records of history looked at between two pauses.
  std::size_t compaction_step_bytes = 4 << 20;             // A step ends here too.
  std::size_t compaction_window = std::size_t{256} << 10;  // Records between two marks of progress.
  std::size_t compaction_run = std::size_t{64}
                               << 10;  // Dead neighbours from which on one range deletion pays.
  std::chrono::milliseconds compaction_pause{2};

  std::uint64_t receive_reserve_bytes =
      128 << 20;  // A snapshot is refused unless so much stays free beside it: two segments of the log.

  std::size_t pin_bytes =
      16 << 10;  // Values from this size on are referenced in answers, smaller ones copied.
};

}  // namespace cairn::kv
