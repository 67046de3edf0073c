#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "raft/core/entry.h"
#include "raft/log/format.h"

namespace cairn::raft {

struct Truncation {
  EntryId keep;  // The log ends here now.
};
using Record = std::variant<Entry, HardState, Truncation>;

// Why a batch cannot be believed, and where in the file.
struct BatchDamage {
  std::uint64_t offset = 0;
  std::string what;
};

// The records of one batch, all of them checked (headers, payloads, padding, their number and order), or what
// is wrong with it. Payloads refer to `segment`, which holds the file from its first byte and is kept alive
// by them. `offset` is that of the frame, `header` what stands there.
std::variant<std::vector<Record>, BatchDamage> ReadBatch(const std::shared_ptr<const std::string>& segment,
                                                         std::uint64_t offset, const FrameHeader& header);

}  // namespace cairn::raft
