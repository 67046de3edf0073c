#include "cmd/cairnctl/watch_arguments.h"

#include <fmt/format.h>

#include "cmd/cairnctl/exit_code.h"
#include "cmd/cairnctl/go_text.h"
#include "cmd/cairnctl/requests.h"

namespace cairn::ctl {

void WatchFlags::AddTo(FlagSet& flags) {
  flags.Add("prefix", &prefix, "watch all keys with this prefix")
      .Add("prev-kv", &prev_kv, "show keys as they were before, too")
      .Add("progress-notify", &progress_notify, "have the server say from time to time how far it is")
      .Add("rev", &revision, "revision to start from; 0: what comes from now on");
}

absl::StatusOr<WatchEnvironment> ReadWatchEnvironment(
    const std::function<std::optional<std::string>(const std::string&)>& environment) {
  WatchEnvironment result;
  for (const char* prefix : {"CAIRNCTL", "ETCDCTL"}) {
    const std::string name = std::string(prefix) + "_WATCH_KEY";
    result.key = environment(name).value_or("");
    result.range_end = environment(std::string(prefix) + "_WATCH_RANGE_END").value_or("");
    if (result.key.empty() && !result.range_end.empty()) {
      return BadArguments(
          fmt::format("{} is empty but got {}_WATCH_RANGE_END={}", name, prefix, Quoted(result.range_end)));
    }
    if (!result.key.empty()) break;
  }
  return result;
}

absl::StatusOr<WatchPlan> MakeWatchPlan(const WatchFlags& flags, const FlagSet::Parsed& parsed,
                                        const WatchEnvironment& environment) {
  const auto border = parsed.arguments.begin() + static_cast<std::ptrdiff_t>(parsed.before_dashes);
  std::vector<std::string> keys(parsed.arguments.begin(), border);
  WatchPlan plan;
  plan.command.assign(border, parsed.arguments.end());
  if (parsed.dashes && plan.command.empty()) {
    return BadArguments("bad number of arguments (found separator --, but no commands)");
  }
  if (!environment.key.empty()) {
    if (!keys.empty()) return BadArguments("bad number of arguments (found conflicting environment key)");
    keys.push_back(environment.key);
    if (!environment.range_end.empty()) keys.push_back(environment.range_end);
  }
  if (keys.empty() || keys.size() > 2) return BadArguments("bad number of arguments");
  if (keys.size() == 2 && flags.prefix)
    return BadArguments("`range_end` and `--prefix` are mutually exclusive");
  KeySpan span{.key = keys[0], .end = keys.size() == 2 ? keys[1] : ""};
  if (flags.prefix) span = PrefixSpan(keys[0]);
  plan.options.key = span.key;
  plan.options.range_end = span.end;
  plan.options.start_revision = flags.revision;
  plan.options.prev_kv = flags.prev_kv;
  plan.options.progress_notify = flags.progress_notify;
  return plan;
}

}  // namespace cairn::ctl
