#include <cairn_version.h>

#include "cmd/cairnctl/command.h"

namespace cairn::ctl {
namespace {

constexpr Usage kUsage = {
    .path = "version",
    .arguments = "",
    .summary = "Prints the version of cairnctl",
    .details = "",
    .examples = "cairnctl version",
};

class VersionCommand final : public Command {
 public:
  const Usage& usage() const override { return kUsage; }
  void AddFlags(FlagSet&) override {}

  int Run(Session& session, const FlagSet::Parsed&) override {
    session.Out("cairnctl version: " CAIRN_VERSION "\nGit commit: " CAIRN_COMMIT "\nAPI version: 3.6\n");
    return kSuccess;
  }
};

}  // namespace

std::unique_ptr<Command> NewVersionCommand() { return std::make_unique<VersionCommand>(); }

}  // namespace cairn::ctl
