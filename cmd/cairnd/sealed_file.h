#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "raft/log/disk.h"

namespace cairn::node {

// A small text file of the data directory that begins with a line "format N" and ends with a line
// "checksum ..." of what stands before it.

// Beside the old one, synced, then renamed: there is a whole file under the name at every moment. Durable
// when OK is returned. ResourceExhausted: it is longer than 1 MiB.
absl::Status ReplaceSealed(raft::Disk& disk, const std::string& name, std::string text);

// The whole file, durable under its name from then on: whoever renamed it may have been killed before that.
// NotFound if there is none.
absl::StatusOr<std::string> ReadSealed(raft::Disk& disk, const std::string& name);

// What follows the first line of `text`, seal included. FailedPrecondition: it has a format above
// `newest_format`. DataLoss: it is not as it was written. Both name `path`.
absl::StatusOr<std::string_view> FieldsOf(std::string_view text, std::uint64_t newest_format,
                                          const std::string& path);

// Takes "name number\n" off the front. False: something else stands there.
bool TakeField(std::string_view& text, std::string_view name, int base, std::uint64_t& number);

}  // namespace cairn::node
