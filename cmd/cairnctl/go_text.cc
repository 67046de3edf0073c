#include "cmd/cairnctl/go_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace cairn::ctl {
namespace {

// Which of the code points beyond ASCII Go prints as they are. Go's tables are large; controls, format
// characters, separators, surrogates and private use are the ones that matter.
bool IsPrintable(char32_t point) {
  if (point < 0x20 || (point >= 0x7f && point <= 0xa0) || point == 0xad) return false;
  if (point == 0x1680 || point == 0x180e || (point >= 0x2000 && point <= 0x200f)) return false;
  if (point >= 0x2028 && point <= 0x202f) return false;
  if (point >= 0x205f && point <= 0x206f) return false;
  if (point == 0x3000 || point == 0xfeff || (point >= 0xfff0 && point <= 0xfffb)) return false;
  if (point >= 0xe000 && point <= 0xf8ff) return false;
  return point < 0xe0000 && (point & 0xfffe) != 0xfffe;
}

void AppendEscaped(std::string& out, char32_t point) {
  switch (point) {
    case '\a':
      out += "\\a";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\v':
      out += "\\v";
      return;
    default:
      break;
  }
  const auto value = static_cast<std::uint32_t>(point);
  if (value < 0x20 || value == 0x7f) {
    out += fmt::format("\\x{:02x}", value);
  } else if (value < 0x10000) {
    out += fmt::format("\\u{:04x}", value);
  } else {
    out += fmt::format("\\U{:08x}", value);
  }
}

void AppendUtf8(std::string& out, char32_t point) {
  const auto put = [&](char32_t byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xc0 | (point >> 6));
    put(0x80 | (point & 0x3f));
  } else if (point < 0x10000) {
    put(0xe0 | (point >> 12));
    put(0x80 | ((point >> 6) & 0x3f));
    put(0x80 | (point & 0x3f));
  } else {
    put(0xf0 | (point >> 18));
    put(0x80 | ((point >> 12) & 0x3f));
    put(0x80 | ((point >> 6) & 0x3f));
    put(0x80 | (point & 0x3f));
  }
}

// `digits` digits of a number in `base` at the beginning of `text`.
std::optional<std::uint32_t> Digits(std::string_view text, std::size_t digits, std::uint32_t base) {
  if (text.size() < digits) return std::nullopt;
  std::uint32_t value = 0;
  for (const char c : text.substr(0, digits)) {
    std::uint32_t digit = 99;
    if (c >= '0' && c <= '9') digit = static_cast<std::uint32_t>(c - '0');
    if (c >= 'a' && c <= 'f') digit = static_cast<std::uint32_t>(c - 'a' + 10);
    if (c >= 'A' && c <= 'F') digit = static_cast<std::uint32_t>(c - 'A' + 10);
    if (digit >= base) return std::nullopt;
    value = value * base + digit;
  }
  return value;
}

// Reads what follows a backslash; returns how many characters it took, 0 if it is no escape.
std::size_t ReadEscape(std::string_view text, std::string& out) {
  if (text.empty()) return 0;
  constexpr std::string_view kNames = "abfnrtv\\\"";
  constexpr std::string_view kBytes = "\a\b\f\n\r\t\v\\\"";
  if (const std::size_t i = kNames.find(text[0]); i != std::string_view::npos) {
    out += kBytes[i];
    return 1;
  }
  if (text[0] == 'x') {
    const auto byte = Digits(text.substr(1), 2, 16);
    if (!byte.has_value()) return 0;
    out += static_cast<char>(static_cast<unsigned char>(*byte));
    return 3;
  }
  if (text[0] == 'u' || text[0] == 'U') {
    const std::size_t digits = text[0] == 'u' ? 4 : 8;
    const auto point = Digits(text.substr(1), digits, 16);
    if (!point.has_value() || *point > 0x10ffff || (*point >= 0xd800 && *point < 0xe000)) return 0;
    AppendUtf8(out, *point);
    return 1 + digits;
  }
  const auto byte = Digits(text, 3, 8);
  if (!byte.has_value() || *byte > 255) return 0;
  out += static_cast<char>(static_cast<unsigned char>(*byte));
  return 3;
}

// Without trailing zeros: 1.500000 -> "1.5".
std::string Decimal(std::int64_t value, std::int64_t unit) {
  std::string text = std::to_string(value / unit);
  std::int64_t rest = value % unit;
  if (rest == 0) return text;
  std::string fraction;
  for (std::int64_t digit = unit / 10; digit > 0 && rest > 0; digit /= 10) {
    fraction += static_cast<char>('0' + rest / digit);
    rest %= digit;
  }
  return text + "." + fraction;
}

}  // namespace

std::pair<std::size_t, char32_t> DecodeUtf8(std::string_view text) {
  if (text.empty()) return {0, 0};
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {1, lead};
  std::size_t length = 0;
  char32_t point = 0;
  char32_t least = 0;
  if ((lead & 0xe0) == 0xc0) {
    length = 2;
    point = lead & 0x1f;
    least = 0x80;
  } else if ((lead & 0xf0) == 0xe0) {
    length = 3;
    point = lead & 0x0f;
    least = 0x800;
  } else if ((lead & 0xf8) == 0xf0) {
    length = 4;
    point = lead & 0x07;
    least = 0x10000;
  } else {
    return {0, 0};
  }
  if (text.size() < length) return {0, 0};
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {0, 0};
    point = (point << 6) | (byte(i) & 0x3f);
  }
  if (point < least || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return {0, 0};
  return {length, point};
}

std::string Quoted(std::string_view bytes) {
  std::string out = "\"";
  while (!bytes.empty()) {
    const auto [length, point] = DecodeUtf8(bytes);
    if (length == 0) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(bytes[0]));
    } else if (point == '"' || point == '\\') {
      out += '\\';
      out += bytes[0];
    } else if (IsPrintable(point)) {
      out += bytes.substr(0, length);
    } else {
      AppendEscaped(out, point);
    }
    bytes.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out + '"';
}

std::optional<Unquoted> Unquote(std::string_view text) {
  if (text.empty() || text[0] != '"') return std::nullopt;
  Unquoted result;
  for (std::size_t i = 1; i < text.size();) {
    if (text[i] == '"') {
      result.length = i + 1;
      return result;
    }
    if (text[i] == '\\') {
      const std::size_t taken = ReadEscape(text.substr(i + 1), result.bytes);
      if (taken == 0) return std::nullopt;
      i += 1 + taken;
    } else {
      result.bytes += text[i++];
    }
  }
  return std::nullopt;
}

std::string GoDuration(std::int64_t nanoseconds) {
  if (nanoseconds == 0) return "0s";
  if (nanoseconds < 1'000) return fmt::format("{}ns", nanoseconds);
  if (nanoseconds < 1'000'000) return Decimal(nanoseconds, 1'000) + "µs";
  if (nanoseconds < 1'000'000'000) return Decimal(nanoseconds, 1'000'000) + "ms";
  constexpr std::int64_t kMinute = 60'000'000'000;
  const std::int64_t minutes = nanoseconds / kMinute;
  std::string seconds = Decimal(nanoseconds % kMinute, 1'000'000'000) + "s";
  if (minutes == 0) return seconds;
  if (minutes < 60) return fmt::format("{}m{}", minutes, seconds);
  return fmt::format("{}h{}m{}", minutes / 60, minutes % 60, seconds);
}

std::string HumanBytes(std::uint64_t bytes) {
  if (bytes < 10) return fmt::format("{} B", bytes);
  constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  const double exponent = std::floor(std::log(static_cast<double>(bytes)) / std::log(1000.0));
  const double value = std::floor(static_cast<double>(bytes) / std::pow(1000, exponent) * 10 + 0.5) / 10;
  const char* unit = kUnits[static_cast<std::size_t>(exponent)];
  return value < 10 ? fmt::format("{:.1f} {}", value, unit) : fmt::format("{:.0f} {}", value, unit);
}

std::string HexBytes(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  return out;
}

std::string Base64(std::string_view bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      out += k <= count ? kDigits[group >> (18 - 6 * k) & 0x3f] : '=';
    }
  }
  return out;
}

}  // namespace cairn::ctl
