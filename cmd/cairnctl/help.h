#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/cairnctl/command.h"

namespace cairn::ctl {

// What `cairnctl --help` prints: all commands.
std::string ProgramHelp(const std::vector<std::unique_ptr<Command>>& commands);

// Of the commands that begin with `group`, such as "endpoint".
std::string GroupHelp(std::string_view group, const std::vector<std::unique_ptr<Command>>& commands);

// Of one command, with its examples and flags.
std::string CommandHelp(Command& command);

}  // namespace cairn::ctl
