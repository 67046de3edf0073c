#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <memory>

#include "cmd/cairnctl/session.h"

namespace cairn::ctl {

// A client for the endpoints that an `endpoint` command is about: those given, or with `whole_cluster` those
// that the members of the cluster report. REQUIRES: Session::Prepare() returned OK.
absl::StatusOr<std::unique_ptr<kv::client::Client>> EndpointClient(Session& session, bool whole_cluster);

// Runs `ask` for every endpoint, all at once: dead ones must not make the others wait.
void AskAll(kv::client::Client& client, const std::function<void(std::size_t endpoint)>& ask);

}  // namespace cairn::ctl
