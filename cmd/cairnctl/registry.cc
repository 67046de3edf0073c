#include "cmd/cairnctl/command.h"

namespace cairn::ctl {

std::vector<std::unique_ptr<Command>> AllCommands() {
  std::vector<std::unique_ptr<Command>> commands;
  commands.push_back(NewGetCommand());
  commands.push_back(NewPutCommand());
  commands.push_back(NewDelCommand());
  commands.push_back(NewTxnCommand());
  commands.push_back(NewWatchCommand());
  commands.push_back(NewCompactionCommand());
  commands.push_back(NewMemberListCommand());
  commands.push_back(NewEndpointStatusCommand());
  commands.push_back(NewEndpointHealthCommand());
  commands.push_back(NewEndpointHashKvCommand());
  commands.push_back(NewMoveLeaderCommand());
  commands.push_back(NewVersionCommand());
  commands.push_back(NewCompletionCommand());
  return commands;
}

}  // namespace cairn::ctl
