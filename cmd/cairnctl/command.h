#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/cairnctl/flags.h"
#include "cmd/cairnctl/session.h"

namespace cairn::ctl {

// What --help says.
struct Usage {
  std::string_view path;       // "get", "endpoint status".
  std::string_view arguments;  // "<key> [range_end]".
  std::string_view summary;    // One line.
  std::string_view details;    // May be empty.
  std::string_view examples;   // Lines a reader can paste.
};

// One command. Made for one run: its members are what its flags set.
class Command {
 public:
  virtual ~Command() = default;
  virtual const Usage& usage() const = 0;
  virtual void AddFlags(FlagSet& flags) = 0;
  // Does it. Errors go through Session::Fail().
  virtual int Run(Session& session, const FlagSet::Parsed& parsed) = 0;
};

// One per file.
std::unique_ptr<Command> NewGetCommand();
std::unique_ptr<Command> NewPutCommand();
std::unique_ptr<Command> NewDelCommand();
std::unique_ptr<Command> NewTxnCommand();
std::unique_ptr<Command> NewWatchCommand();
std::unique_ptr<Command> NewCompactionCommand();
std::unique_ptr<Command> NewMemberListCommand();
std::unique_ptr<Command> NewEndpointStatusCommand();
std::unique_ptr<Command> NewEndpointHealthCommand();
std::unique_ptr<Command> NewEndpointHashKvCommand();
std::unique_ptr<Command> NewMoveLeaderCommand();
std::unique_ptr<Command> NewVersionCommand();
std::unique_ptr<Command> NewCompletionCommand();

// What `cairnctl version` and `cairnctl --version` print.
std::string VersionText();

// All of them, in the order of the help page.
std::vector<std::unique_ptr<Command>> AllCommands();

}  // namespace cairn::ctl
