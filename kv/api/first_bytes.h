#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cairn::kv::api {

// What a client speaks, judged by what it sent first. Clients of both protocols speak before the server does,
// so nobody waits for us.
enum class Protocol : std::uint8_t {
  kNeedMore,  // Every protocol we know is still possible; never for kFirstBytesNeeded bytes or more.
  kHttp2,     // The whole connection preface (RFC 9113, 3.4) is there.
  kHttp1,     // A request method and the space after it.
  kUnknown,   // Neither: TLS, another protocol, noise.
};

inline constexpr std::size_t kFirstBytesNeeded = 24;  // The length of the HTTP/2 preface.

// Pure, and safe for any bytes.
Protocol ClassifyFirstBytes(std::string_view bytes);

}  // namespace cairn::kv::api
