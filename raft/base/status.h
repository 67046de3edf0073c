#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace cairn {

// Stored bytes are wrong: data loss at a place a person can look at. Leads to repair, never to a guess.
absl::Status Corruption(std::string_view file, std::uint64_t offset, std::string_view what);

// Whether `status` was made by Corruption().
bool IsCorruption(const absl::Status& status);

// The message; Debian's absl::string_view is a type of its own, which neither fmt nor the standard library
// takes.
inline std::string_view MessageOf(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

// The same status with "context: " before its message; OK stays OK.
absl::Status Annotate(const absl::Status& status, std::string_view context);

}  // namespace cairn

// Parentheses around a declaration would end it being one.
// NOLINTBEGIN(bugprone-macro-parentheses)
#define CAIRN_CONCAT_INNER_(a, b) a##b
#define CAIRN_CONCAT_(a, b) CAIRN_CONCAT_INNER_(a, b)

// Leaves the function with the status of `expression` unless it is OK.
#define CAIRN_RETURN_IF_ERROR(expression)                                   \
  do {                                                                      \
    if (::absl::Status cairn_status_ = (expression); !cairn_status_.ok()) { \
      return cairn_status_;                                                 \
    }                                                                       \
  } while (false)

#define CAIRN_ASSIGN_OR_RETURN_(result, declaration, expression) \
  auto result = (expression);                                    \
  if (!result.ok()) return std::move(result).status();           \
  declaration = *std::move(result)

// CAIRN_ASSIGN_OR_RETURN(File file, directory.Open(name)): declares `file`, or leaves with the error.
#define CAIRN_ASSIGN_OR_RETURN(declaration, expression) \
  CAIRN_ASSIGN_OR_RETURN_(CAIRN_CONCAT_(cairn_result_, __LINE__), declaration, expression)
// NOLINTEND(bugprone-macro-parentheses)
