#include "kv/api/http_request.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace cairn::kv::api {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// A broken escape stands for itself.
std::string PercentDecode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      const int high = HexDigit(text[i + 1]);
      const int low = HexDigit(text[i + 2]);
      if (high >= 0 && low >= 0) {
        decoded.push_back(static_cast<char>(high * 16 + low));
        i += 2;
        continue;
      }
    }
    decoded.push_back(text[i] == '+' ? ' ' : text[i]);
  }
  return decoded;
}

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// The part before `separator`, which is removed together with it.
std::string_view Next(std::string_view& rest, std::string_view separator) {
  const std::size_t end = rest.find(separator);
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + separator.size());
  return part;
}

void ParseTarget(std::string_view target, HttpRequest& request) {
  // An absolute target ("http://host/path") is what proxies get; clients of proxies send it too.
  if (const std::size_t scheme = target.find("://"); scheme != std::string_view::npos && target[0] != '/') {
    const std::size_t slash = target.find('/', scheme + 3);
    target = slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
  }
  std::string_view rest = target;
  request.path = PercentDecode(Next(rest, "?"));
  while (!rest.empty()) {
    std::string_view value = Next(rest, "&");
    if (value.empty()) continue;
    const std::string_view name = Next(value, "=");
    request.query.emplace_back(PercentDecode(name), PercentDecode(value));
  }
}

// "GET /path HTTP/1.1". The status to refuse with, or nothing.
std::optional<int> ParseRequestLine(std::string_view line, HttpRequest& request) {
  const std::string_view method = Next(line, " ");
  const std::string_view target = Next(line, " ");
  if (method.empty() || target.empty()) return 400;
  if (line == "HTTP/1.0") {
    request.keep_alive = false;
  } else if (line != "HTTP/1.1") {
    return line.starts_with("HTTP/") ? 505 : 400;
  }
  request.method = std::string(method);
  ParseTarget(target, request);
  return std::nullopt;
}

std::optional<int> ParseField(std::string_view line, HttpRequest& request) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return 400;
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = Trim(line.substr(colon + 1));
  if (EqualsIgnoringCase(name, "connection")) {
    if (EqualsIgnoringCase(value, "close")) request.keep_alive = false;
    if (EqualsIgnoringCase(value, "keep-alive")) request.keep_alive = true;
  } else if (EqualsIgnoringCase(name, "content-length")) {
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), request.body_bytes);
    if (error != std::errc() || end != value.data() + value.size()) return 400;
    if (request.body_bytes > kMaxHttpBodyBytes) return 413;
  } else if (EqualsIgnoringCase(name, "transfer-encoding")) {
    return 411;  // Nothing we serve takes a body, so we need not read one of unknown length.
  }
  return std::nullopt;
}

}  // namespace

bool HttpRequest::HasQuery(std::string_view name) const {
  return std::any_of(query.begin(), query.end(), [&](const auto& item) { return item.first == name; });
}

std::vector<std::string> HttpRequest::QueryValues(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& [key, value] : query) {
    if (key == name) values.push_back(value);
  }
  return values;
}

HttpParsed ParseHttpHead(std::string_view bytes) {
  const std::size_t end = bytes.substr(0, kMaxHttpHeadBytes).find("\r\n\r\n");
  if (end == std::string_view::npos) {
    if (bytes.size() >= kMaxHttpHeadBytes) return HttpBad{431};
    return HttpNeedMore{};
  }
  HttpHead head{.request = {}, .bytes = end + 4};
  std::string_view rest = bytes.substr(0, end);
  if (const auto bad = ParseRequestLine(Next(rest, "\r\n"), head.request)) return HttpBad{*bad};
  while (!rest.empty()) {
    if (const auto bad = ParseField(Next(rest, "\r\n"), head.request)) return HttpBad{*bad};
  }
  return head;
}

}  // namespace cairn::kv::api
