#include "kv/model/range.h"

namespace cairn::kv {

KeyRange KeyRange::FromRequest(std::string_view key, std::string_view range_end) {
  if (range_end.empty()) {
    std::string successor(key);
    successor.push_back('\0');  // The smallest key above `key`.
    return {.begin = std::string(key), .end = std::move(successor)};
  }
  if (range_end == std::string_view("\0", 1))
    return {.begin = std::string(key), .end = {}, .unbounded = true};
  return {.begin = std::string(key), .end = std::string(range_end)};
}

}  // namespace cairn::kv
