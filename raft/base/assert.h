#pragma once

#include <fmt/format.h>

#include <string>

namespace cairn {

// Prints the condition, the place and the numbers, then aborts. Never returns.
[[noreturn]] void AssertionFailed(const char* condition, const char* file, int line,
                                  const std::string& detail);

}  // namespace cairn

// On in every build. For what must hold if our own code is right; what arrives from outside is checked and
// refused instead. The message carries the numbers: CAIRN_ASSERT(from > commit_, "from={} commit={}", from,
// commit_).
#define CAIRN_ASSERT(condition, ...)                                                           \
  do {                                                                                         \
    if (!(condition)) [[unlikely]] {                                                           \
      ::cairn::AssertionFailed(#condition, __FILE__, __LINE__, ::fmt::format("" __VA_ARGS__)); \
    }                                                                                          \
  } while (false)
