#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>

#include "kv/store/options.h"
#include "kv/store/ordered_kv.h"

namespace cairn::kv {

// The ordered-KV port on RocksDB. Its own log is off: the Raft log is the log, and a crash brings back the
// state of the last flush, all families at one point between two writes. Thread-safe. Everything it handed
// out is gone before it is.
absl::StatusOr<std::unique_ptr<OrderedKv>> OpenRocksKv(const std::string& directory,
                                                       const StoreOptions& options);

// The same for reading only: changes nothing in the directory but RocksDB's own log.
absl::StatusOr<std::unique_ptr<OrderedKv>> OpenRocksKvReadOnly(const std::string& directory,
                                                               const StoreOptions& options);

}  // namespace cairn::kv
