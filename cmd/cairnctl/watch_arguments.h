#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cmd/cairnctl/flags.h"
#include "kv/client/watch.h"

namespace cairn::ctl {

// Flags of one watch, given on the command line or on a line of the interactive mode.
struct WatchFlags {
  bool prefix = false;
  std::int64_t revision = 0;
  bool prev_kv = false;
  bool progress_notify = false;

  void AddTo(FlagSet& flags);
};

// What to watch, and what to run for each event (empty: nothing).
struct WatchPlan {
  kv::client::WatchOptions options;
  std::vector<std::string> command;
};

// Key and range end from the environment, for when there are no arguments: <PREFIX>_WATCH_KEY and
// <PREFIX>_WATCH_RANGE_END, where PREFIX is CAIRNCTL or ETCDCTL.
struct WatchEnvironment {
  std::string key;
  std::string range_end;
};
absl::StatusOr<WatchEnvironment> ReadWatchEnvironment(
    const std::function<std::optional<std::string>(const std::string&)>& environment);

// [key] [range_end] [-- command arguments…]
absl::StatusOr<WatchPlan> MakeWatchPlan(const WatchFlags& flags, const FlagSet::Parsed& parsed,
                                        const WatchEnvironment& environment);

}  // namespace cairn::ctl
