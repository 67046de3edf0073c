#pragma once

#include <absl/status/status.h>

#include <string>
#include <vector>

#include "cmd/cairnctl/printer.h"

namespace cairn::ctl {

// Runs `command` for one event of a watch and waits for it. It sees ETCD_WATCH_REVISION,
// ETCD_WATCH_EVENT_TYPE, ETCD_WATCH_KEY and ETCD_WATCH_VALUE, the last three quoted as Go quotes. An error if
// it cannot be started or fails. REQUIRES: command is not empty.
absl::Status RunHook(const std::vector<std::string>& command, std::int64_t revision,
                     const mvccpb::Event& event);

}  // namespace cairn::ctl
