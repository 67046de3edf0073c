#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// etcdctl is a Go program; to be equal to it byte for byte some of its text has to be made as Go makes it.
namespace cairn::ctl {

// Like Go's %q: double quotes, escapes for what cannot be printed, UTF-8 left as it is.
std::string Quoted(std::string_view bytes);

// Reads a double-quoted Go string at the beginning of `text`: its bytes, and how many characters it took.
struct Unquoted {
  std::string bytes;
  std::size_t length = 0;
};
std::optional<Unquoted> Unquote(std::string_view text);

// "1.071489ms", "2.5s", "1m0s": Go's time.Duration.
std::string GoDuration(std::int64_t nanoseconds);

// "20 kB", "1.5 MB": powers of 1000, two digits.
std::string HumanBytes(std::uint64_t bytes);

// Each byte as \x and two digits.
std::string HexBytes(std::string_view bytes);

std::string Base64(std::string_view bytes);

// Length in bytes of the valid UTF-8 sequence at the beginning of `text`, and its code point; 0 if it is not
// valid.
std::pair<std::size_t, char32_t> DecodeUtf8(std::string_view text);

}  // namespace cairn::ctl
