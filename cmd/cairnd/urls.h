#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::node {

// http://host:port, the only kind there is for now.
struct Url {
  std::string host;  // Without the brackets of an IPv6 address; may be empty when listening.
  std::uint16_t port = 0;
  std::string text;  // As it was given.

  // Whether it means every interface, and so is nothing to advertise.
  [[nodiscard]] bool IsWildcard() const { return host.empty() || host == "0.0.0.0" || host == "::"; }

  friend bool operator==(const Url&, const Url&) = default;
};

absl::StatusOr<Url> ParseUrl(std::string_view text);

// Comma-separated, at least one.
absl::StatusOr<std::vector<Url>> ParseUrls(std::string_view text);

std::vector<std::string> TextsOf(const std::vector<Url>& urls);

// A member as --initial-cluster names it.
struct ClusterEntry {
  std::string name;
  std::vector<std::string> urls;  // Sorted.

  friend bool operator==(const ClusterEntry&, const ClusterEntry&) = default;
};

// NAME=URL,...: a name that comes again has several URLs. Sorted by name. Each URL belongs to one member.
absl::StatusOr<std::vector<ClusterEntry>> ParseInitialCluster(std::string_view text);

}  // namespace cairn::node
