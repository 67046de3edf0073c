#pragma once

#include <string>

#include "kv/api/backend.h"

namespace cairn::kv::api {

// Everything of this node in Prometheus' text format 0.0.4, under etcd's names where etcd has one, so that
// its dashboards and alerts work, and under cairn_ where it has none. Every series exists from the start.
std::string MetricsText(const Backend& backend);

}  // namespace cairn::kv::api
