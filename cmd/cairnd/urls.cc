#include "cmd/cairnd/urls.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "raft/base/status.h"

namespace cairn::node {
namespace {

std::vector<std::string_view> SplitAtCommas(std::string_view text) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t comma = text.find(',');
    std::string_view part = text.substr(0, comma);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    parts.push_back(part);
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace

absl::StatusOr<Url> ParseUrl(std::string_view text) {
  const auto wrong = [&](std::string_view why) {
    return absl::InvalidArgumentError(fmt::format("'{}' is not usable as a URL: {}", text, why));
  };
  std::string_view rest = text;
  for (const std::string_view scheme : {"https://", "unix://", "unixs://"}) {
    if (rest.starts_with(scheme)) return wrong("only http:// is supported yet");
  }
  if (!rest.starts_with("http://")) return wrong("it should look like http://host:port");
  rest.remove_prefix(std::string_view("http://").size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find('/') != std::string_view::npos) return wrong("it must not have a path");

  const std::size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos || rest.ends_with(']')) return wrong("the port is missing");
  std::string_view host = rest.substr(0, colon);
  const std::string_view port_text = rest.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return wrong("an IPv6 address stands in brackets");
  }
  Url url{.host = std::string(host), .text = std::string(text)};
  const char* const end = port_text.data() + port_text.size();
  const auto [stopped, error] = std::from_chars(port_text.data(), end, url.port);
  if (error != std::errc() || stopped != end || port_text.empty())
    return wrong("the port is not a number up to 65535");
  return url;
}

absl::StatusOr<std::vector<Url>> ParseUrls(std::string_view text) {
  std::vector<Url> urls;
  for (const std::string_view part : SplitAtCommas(text)) {
    CAIRN_ASSIGN_OR_RETURN(Url url, ParseUrl(part));
    urls.push_back(std::move(url));
  }
  return urls;
}

std::vector<std::string> TextsOf(const std::vector<Url>& urls) {
  std::vector<std::string> texts;
  texts.reserve(urls.size());
  for (const Url& url : urls) texts.push_back(url.text);
  return texts;
}

absl::StatusOr<std::vector<ClusterEntry>> ParseInitialCluster(std::string_view text) {
  std::map<std::string, std::set<std::string>, std::less<>> members;
  std::map<std::string, std::string, std::less<>> owner_of;
  for (const std::string_view part : SplitAtCommas(text)) {
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      return absl::InvalidArgumentError(
          fmt::format("'{}' in --initial-cluster should look like name=http://host:port", part));
    }
    const std::string name(part.substr(0, equals));
    absl::StatusOr<Url> url = ParseUrl(part.substr(equals + 1));
    if (!url.ok()) return Annotate(url.status(), "--initial-cluster");
    const auto [owner, is_new] = owner_of.emplace(url->text, name);
    if (!is_new && owner->second != name) {
      return absl::InvalidArgumentError(
          fmt::format("--initial-cluster gives {} to both {} and {}", url->text, owner->second, name));
    }
    members[name].insert(url->text);
  }
  std::vector<ClusterEntry> entries;
  for (auto& [name, urls] : members) entries.push_back({.name = name, .urls = {urls.begin(), urls.end()}});
  return entries;
}

}  // namespace cairn::node
