#include "cmd/cairnctl/help.h"

#include <fmt/format.h>

#include <algorithm>

namespace cairn::ctl {
namespace {

std::string Indented(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    out += '\t' + std::string(text.substr(0, end)) + '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::string FlagLines(const FlagSet& set) {
  std::vector<std::pair<std::string, std::string>> lines;
  std::size_t width = 0;
  for (const FlagSet::Flag& flag : set.flags()) {
    const std::string name = flag.short_name == 0 ? fmt::format("      --{}", flag.name)
                                                  : fmt::format("  -{}, --{}", flag.short_name, flag.name);
    const bool text = std::holds_alternative<std::string*>(flag.target);
    lines.emplace_back(fmt::format(fmt::runtime(text ? "{}=\"{}\"" : "{}={}"), name, flag.default_text),
                       flag.help);
    width = std::max(width, lines.back().first.size());
  }
  std::string out;
  for (const auto& [left, right] : lines) out += fmt::format("{:<{}}  {}\n", left, width, right);
  return out;
}

std::string GlobalFlagLines() {
  GlobalOptions options;
  FlagSet set;
  options.AddTo(set);
  return FlagLines(set);
}

std::string CommandLines(std::string_view group, const std::vector<std::unique_ptr<Command>>& commands) {
  std::string out;
  for (const auto& command : commands) {
    const Usage& usage = command->usage();
    if (usage.path.starts_with(group)) out += fmt::format("\t{:<16}  {}\n", usage.path, usage.summary);
  }
  return out;
}

}  // namespace

std::string ProgramHelp(const std::vector<std::unique_ptr<Command>>& commands) {
  return fmt::format(
      "NAME:\n\tcairnctl - a command-line client for cairn, and for etcd v3\n\n"
      "USAGE:\n\tcairnctl <command> [arguments] [flags]\n"
      "\tcairnctl <command> --help      arguments, flags and examples of a command\n"
      "\tcairnctl --version\n\n"
      "COMMANDS:\n{}"
      "\nOPTIONS:\n{}"
      "\nEach option can be set by an environment variable, too: CAIRNCTL_ENDPOINTS or ETCDCTL_ENDPOINTS, "
      "and so on.\n",
      CommandLines("", commands), GlobalFlagLines());
}

std::string GroupHelp(std::string_view group, const std::vector<std::unique_ptr<Command>>& commands) {
  return fmt::format("USAGE:\n\tcairnctl {} <subcommand> [flags]\n\nCOMMANDS:\n{}", group,
                     CommandLines(std::string(group) + " ", commands));
}

std::string CommandHelp(Command& command) {
  const Usage& usage = command.usage();
  std::string out =
      fmt::format("NAME:\n\t{} - {}\n\nUSAGE:\n\tcairnctl {}{}{} [flags]\n", usage.path, usage.summary,
                  usage.path, usage.arguments.empty() ? "" : " ", usage.arguments);
  if (!usage.details.empty()) out += "\nDESCRIPTION:\n" + Indented(usage.details);
  out += "\nEXAMPLES:\n" + Indented(usage.examples);
  FlagSet own;
  command.AddFlags(own);
  if (!own.flags().empty()) out += "\nOPTIONS:\n" + FlagLines(own);
  return out + "\nGLOBAL OPTIONS:\n" + GlobalFlagLines();
}

}  // namespace cairn::ctl
