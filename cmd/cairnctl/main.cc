// cairnctl: finds the command among the arguments, parses its flags, runs it.

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/cairnctl/command.h"
#include "cmd/cairnctl/help.h"
#include "raft/base/status.h"

namespace cairn::ctl {
namespace {

using Commands = std::vector<std::unique_ptr<Command>>;

// The command line, taken apart: what to do, and everything else in order.
struct Invocation {
  std::string path;  // Words that name a command or a group of them.
  std::vector<std::string> rest;
  bool help = false;
  bool version = false;
};

bool TakesValue(const FlagSet& set, std::string_view argument) {
  for (const FlagSet::Flag& flag : set.flags()) {
    if (std::holds_alternative<bool*>(flag.target)) continue;
    if (argument == "--" + flag.name) return true;
    if (flag.short_name != 0 && argument == std::string("-") + flag.short_name) return true;
  }
  return false;
}

bool IsCommand(const Commands& commands, std::string_view path) {
  for (const auto& command : commands) {
    if (command->usage().path == path) return true;
  }
  return false;
}

bool IsGroup(const Commands& commands, std::string_view path) {
  for (const auto& command : commands) {
    if (command->usage().path.starts_with(std::string(path) + " ")) return true;
  }
  return false;
}

// Flags may stand before, between and after the words of a command, so words are looked for until one is
// complete.
Invocation Take(const Commands& commands, const FlagSet& global, const std::vector<std::string>& arguments) {
  Invocation invocation;
  bool complete = false;
  bool flags_over = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    flags_over = flags_over || argument == "--";
    if (!flags_over && (argument == "--help" || argument == "-h")) {
      invocation.help = true;
    } else if (argument == "--version" && invocation.path.empty() && !flags_over) {
      invocation.version = true;
    } else if (!flags_over && argument.size() > 1 && argument[0] == '-') {
      invocation.rest.push_back(argument);
      // Before the command only global flags can stand; behind it, its own parser knows better.
      if (!complete && TakesValue(global, argument) && i + 1 < arguments.size()) {
        invocation.rest.push_back(arguments[++i]);
      }
    } else if (!complete && !flags_over) {
      const std::string longer = invocation.path.empty() ? argument : invocation.path + " " + argument;
      if (invocation.path.empty() && argument == "help") {
        invocation.help = true;
      } else if (IsCommand(commands, longer) || IsGroup(commands, longer)) {
        invocation.path = longer;
        complete = IsCommand(commands, longer);
      } else {
        invocation.rest.push_back(argument);
      }
    } else {
      invocation.rest.push_back(argument);
    }
  }
  return invocation;
}

int Fail(std::string_view message, std::string_view advice) {
  fmt::print(stderr, "Error: {}\n{}\n", message, advice);
  return kError;
}

int Print(std::string_view text) { return Session(GlobalOptions()).Out(text); }

int Help(const Commands& commands, const Invocation& invocation) {
  std::string text = ProgramHelp(commands);
  if (!invocation.path.empty()) text = GroupHelp(invocation.path, commands);
  for (const auto& command : commands) {
    if (command->usage().path == invocation.path) text = CommandHelp(*command);
  }
  return Print(text);
}

std::optional<std::string> Getenv(const std::string& name) {
  const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): no thread has started yet.
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

int Run(const std::vector<std::string>& arguments) {
  const Commands commands = AllCommands();
  GlobalOptions options;
  FlagSet flags;
  options.AddTo(flags);
  const Invocation invocation = Take(commands, flags, arguments);
  if (invocation.help) return Help(commands, invocation);
  if (invocation.version) return Print(VersionText());
  if (invocation.path.empty() || !IsCommand(commands, invocation.path)) {
    for (const std::string& word : invocation.rest) {
      if (word.starts_with('-')) continue;
      return Fail(fmt::format("unknown command \"{}\" for \"cairnctl{}{}\"", word,
                              invocation.path.empty() ? "" : " ", invocation.path),
                  "Run 'cairnctl --help' for usage.");
    }
    return Help(commands, invocation);
  }

  Command* chosen = nullptr;
  for (const auto& command : commands) {
    if (command->usage().path == invocation.path) chosen = command.get();
  }
  const absl::Status environment = SetFromEnvironment(flags, Getenv);
  if (!environment.ok()) return Fail(MessageOf(environment), "It comes from an environment variable.");
  chosen->AddFlags(flags);
  const absl::StatusOr<FlagSet::Parsed> parsed = flags.Parse(invocation.rest);
  if (!parsed.ok()) {
    return Fail(MessageOf(parsed.status()),
                fmt::format("Run 'cairnctl {} --help' for usage.", invocation.path));
  }
  Session session(std::move(options));
  return chosen->Run(session, *parsed);
}

}  // namespace
}  // namespace cairn::ctl

int main(int argc, char** argv) { return cairn::ctl::Run({argv + 1, argv + argc}); }
