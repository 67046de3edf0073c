#include <cairn_version.h>

#include "cmd/cairnctl/command.h"

namespace cairn::ctl {
namespace {

constexpr Usage kUsage = {
    .path = "version",
    .arguments = "",
    .summary = "Prints the version of cairnctl",
    .details = "",
    .examples =
        "cairnctl version\n"
        "cairnctl --version   the same",
};

class VersionCommand final : public Command {
 public:
  const Usage& usage() const override { return kUsage; }
  void AddFlags(FlagSet&) override {}

  int Run(Session& session, const FlagSet::Parsed&) override { return session.Out(VersionText()); }
};

}  // namespace

std::string VersionText() {
  return "cairnctl version: " CAIRN_VERSION "\nGit commit: " CAIRN_COMMIT "\nAPI version: 3.6\n";
}

std::unique_ptr<Command> NewVersionCommand() { return std::make_unique<VersionCommand>(); }

}  // namespace cairn::ctl
