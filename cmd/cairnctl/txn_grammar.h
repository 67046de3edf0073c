#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/cairnctl/printer.h"

// The language of `txn`: three parts, each ended by an empty line.
//
//   comparisons   value("key") = "text", or version, create, mod, lease with a number; short: val, ver, c, m.
//                 Operators: = != < >
//   requests      put, get, del with the flags of the commands; run if all comparisons hold
//   requests      run otherwise
namespace cairn::ctl {

// Splits like a shell: at spaces, with "double" quotes (escapes as in Go) and 'single' ones.
absl::StatusOr<std::vector<std::string>> SplitArguments(std::string_view line);

absl::StatusOr<pb::Compare> ParseComparison(std::string_view line);
absl::StatusOr<pb::RequestOp> ParseRequest(std::string_view line);

// Lines without their line break; nothing at the end of input.
using LineSource = std::function<std::optional<std::string>()>;

// Reads all three parts; `on_part` is told each part's title before it is read. Errors carry the exit code.
absl::StatusOr<pb::TxnRequest> ReadTxn(const LineSource& lines,
                                       const std::function<void(std::string_view title)>& on_part);

}  // namespace cairn::ctl
