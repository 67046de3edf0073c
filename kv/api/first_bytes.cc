#include "kv/api/first_bytes.h"

namespace cairn::kv::api {
namespace {

constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
static_assert(kHttp2Preface.size() == kFirstBytesNeeded);

// With the space that follows, so that "GETX" is not taken for a request.
constexpr std::string_view kMethods[] = {"GET ",     "HEAD ",    "POST ",  "PUT ",  "DELETE ",
                                         "OPTIONS ", "CONNECT ", "PATCH ", "TRACE "};

}  // namespace

Protocol ClassifyFirstBytes(std::string_view bytes) {
  if (bytes.starts_with(kHttp2Preface)) return Protocol::kHttp2;
  if (kHttp2Preface.starts_with(bytes)) return Protocol::kNeedMore;
  for (const std::string_view method : kMethods) {
    if (bytes.starts_with(method)) return Protocol::kHttp1;
    if (method.starts_with(bytes)) return Protocol::kNeedMore;
  }
  return Protocol::kUnknown;
}

}  // namespace cairn::kv::api
