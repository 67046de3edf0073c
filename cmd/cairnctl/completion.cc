#include <fmt/format.h>

#include <map>
#include <set>

#include "cmd/cairnctl/command.h"
#include "cmd/cairnctl/rows.h"

namespace cairn::ctl {
namespace {

constexpr Usage kUsage = {
    .path = "completion",
    .arguments = "bash",
    .summary = "Prints a script that completes commands and flags in bash",
    .details = "The script needs nothing but bash.",
    .examples =
        "source <(cairnctl completion bash)                            for this shell\n"
        "cairnctl completion bash > /etc/bash_completion.d/cairnctl    for every new one",
};

// What does not change. Words before the cursor are gone through once: the longest run of them that is a
// command decides which flags are offered. COMP_WORDS is not used for --flag=value, which bash splits at the
// equals sign.
constexpr std::string_view kScript = R"(
__cairnctl() {
  local cur="${COMP_WORDS[COMP_CWORD]}" prev="" path="" word i
  (( COMP_CWORD > 0 )) && prev="${COMP_WORDS[COMP_CWORD-1]}"
  if [[ "$cur" == "=" ]]; then cur=""; elif [[ "$prev" == "=" ]]; then prev="${COMP_WORDS[COMP_CWORD-2]}"; fi
  for (( i = 1; i < COMP_CWORD; i++ )); do
    word="${COMP_WORDS[i]}"
    if [[ "$word" == "--" ]]; then return; fi
    if [[ "$word" == -* ]]; then
      if [[ " $__cairnctl_valued " == *" $word "* && "${COMP_WORDS[i+1]-}" != "=" ]]; then (( i++ )); fi
      continue
    fi
    if [[ -n "${__cairnctl_next[".${path:+$path }$word"]+x}" || -n "${__cairnctl_flags[".${path:+$path }$word"]+x}" ]]; then
      path="${path:+$path }$word"
    fi
  done
  if [[ -n "${__cairnctl_values[".$prev"]+x}" ]]; then
    COMPREPLY=($(compgen -W "${__cairnctl_values[".$prev"]}" -- "$cur"))
  elif [[ "$cur" == -* ]]; then
    COMPREPLY=($(compgen -W "${__cairnctl_flags[".$path"]-} $__cairnctl_global" -- "$cur"))
  elif [[ " $__cairnctl_valued " == *" $prev "* ]]; then
    COMPREPLY=()
  else
    COMPREPLY=($(compgen -W "${__cairnctl_next[".$path"]-}" -- "$cur"))
  fi
}
complete -o default -F __cairnctl cairnctl
)";

// Words that the script looks up.
class Tables {
 public:
  void AddFlags(const std::string& path, const FlagSet& set) {
    for (const FlagSet::Flag& flag : set.flags()) {
      const std::string name = "--" + flag.name;
      flags_[path].insert(name);
      if (!std::holds_alternative<bool*>(flag.target)) valued_.insert(name);
      if (!flag.values.empty()) values_[name] = Join(flag.values, " ");
      if (flag.short_name == 0) continue;
      const std::string short_name = std::string("-") + flag.short_name;
      if (!std::holds_alternative<bool*>(flag.target)) valued_.insert(short_name);
      if (!flag.values.empty()) values_[short_name] = Join(flag.values, " ");
    }
    flags_[path];  // So that every command is known, even without flags of its own.
  }

  void AddPath(const std::string& path) {
    const std::size_t space = path.find(' ');
    next_[""].insert(path.substr(0, space));
    if (space != std::string::npos) next_[path.substr(0, space)].insert(path.substr(space + 1));
  }

  void AddWord(const std::string& path, const std::string& word) { next_[path].insert(word); }

  std::string Text() const {
    std::string out = "declare -gA __cairnctl_next __cairnctl_flags __cairnctl_values\n";
    for (const auto& [path, words] : next_) out += Line("next", path, Words(words));
    for (const auto& [path, words] : flags_) {
      if (path != kGlobal) out += Line("flags", path, Words(words));
    }
    for (const auto& [name, words] : values_) out += Line("values", name, words);
    out += fmt::format("__cairnctl_global=\"{} --help\"\n", Words(flags_.at(kGlobal)));
    return out + fmt::format("__cairnctl_valued=\"{}\"\n", Words(valued_));
  }

  static constexpr char kGlobal[] = "(global)";

 private:
  static std::string Words(const std::set<std::string>& words) {
    return Join({words.begin(), words.end()}, " ");
  }
  // Keys begin with a dot: bash takes no empty subscript, and the path of the top is empty.
  static std::string Line(std::string_view table, std::string_view key, std::string_view words) {
    return fmt::format("__cairnctl_{}[\".{}\"]=\"{}\"\n", table, key, words);
  }

  std::map<std::string, std::set<std::string>> next_;   // By path: the words that may follow.
  std::map<std::string, std::set<std::string>> flags_;  // By path.
  std::map<std::string, std::string> values_;           // By flag: its values.
  std::set<std::string> valued_;                        // Flags that take a value.
};

class CompletionCommand final : public Command {
 public:
  const Usage& usage() const override { return kUsage; }
  void AddFlags(FlagSet&) override {}

  int Run(Session& session, const FlagSet::Parsed& parsed) override {
    if (parsed.arguments.size() != 1 || parsed.arguments[0] != "bash") {
      return session.Fail(BadArguments("completion command needs 1 argument: bash"));
    }
    Tables tables;
    GlobalOptions options;
    FlagSet global;
    options.AddTo(global);
    tables.AddFlags(Tables::kGlobal, global);
    for (const std::unique_ptr<Command>& command : AllCommands()) {
      FlagSet set;
      command->AddFlags(set);
      const std::string path(command->usage().path);
      tables.AddPath(path);
      tables.AddFlags(path, set);
    }
    tables.AddWord("completion", "bash");
    return session.Out("# bash completion for cairnctl; made by `cairnctl completion bash`\n" +
                       tables.Text() + std::string(kScript));
  }
};

}  // namespace

std::unique_ptr<Command> NewCompletionCommand() { return std::make_unique<CompletionCommand>(); }

}  // namespace cairn::ctl
