#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace cairn::kv::api {

inline constexpr std::size_t kMaxHttpHeadBytes = 16 << 10;
inline constexpr std::size_t kMaxHttpBodyBytes = 64 << 10;

// What we need of an HTTP/1.1 request. Values are the client's: nothing in them is to be trusted.
struct HttpRequest {
  std::string method;
  std::string path;                                        // Percent-decoded, without the query.
  std::vector<std::pair<std::string, std::string>> query;  // In order, decoded.
  bool keep_alive = true;
  std::size_t body_bytes = 0;  // Follow the head; nothing we serve has a use for them.

  [[nodiscard]] bool HasQuery(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> QueryValues(std::string_view name) const;
};

struct HttpNeedMore {};
struct HttpBad {
  int status = 400;  // What to answer before closing.
};
struct HttpHead {
  HttpRequest request;
  std::size_t bytes = 0;  // Of the head; the body follows.
};
using HttpParsed = std::variant<HttpNeedMore, HttpBad, HttpHead>;

// Looks for one request head at the beginning of `bytes`. Pure, and safe for any bytes.
HttpParsed ParseHttpHead(std::string_view bytes);

}  // namespace cairn::kv::api
