#pragma once

#include <string>
#include <vector>

#include "cmd/cairnctl/printer.h"

namespace cairn::ctl {

// Answers as rows of cells, which `simple` joins with commas and `table` draws.
struct Rows {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
};

Rows MemberRows(const pb::MemberListResponse& response);
Rows StatusRows(const std::vector<EndpointStatus>& endpoints);
Rows HealthRows(const std::vector<EndpointHealth>& endpoints);
Rows HashRows(const std::vector<EndpointHash>& endpoints);

std::string Join(const std::vector<std::string>& parts, std::string_view separator);

}  // namespace cairn::ctl
