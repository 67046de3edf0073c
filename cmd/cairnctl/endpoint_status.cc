#include <fmt/format.h>

#include <optional>

#include "cmd/cairnctl/command.h"
#include "cmd/cairnctl/endpoint_set.h"
#include "raft/base/status.h"

namespace cairn::ctl {
namespace {

constexpr Usage kUsage = {
    .path = "endpoint status",
    .arguments = "",
    .summary = "Prints out the status of endpoints",
    .details =
        "Simple output has per endpoint: endpoint, ID, version, db size, is leader, is learner, raft term, "
        "raft index,\n"
        "raft applied index, errors.",
    .examples =
        "cairnctl endpoint status --cluster -w table   all members\n"
        "cairnctl endpoint status --endpoints 127.0.0.1:2379,127.0.0.1:22379",
};

class EndpointStatusCommand final : public Command {
 public:
  const Usage& usage() const override { return kUsage; }
  void AddFlags(FlagSet& flags) override {
    flags.Add("cluster", &cluster_, "use all endpoints from the cluster member list");
  }

  int Run(Session& session, const FlagSet::Parsed&) override {
    if (absl::Status status = session.Prepare(AnswerKind::kEndpoints); !status.ok())
      return session.Fail(status);
    absl::StatusOr<std::unique_ptr<kv::client::Client>> client = EndpointClient(session, cluster_);
    if (!client.ok()) return session.Fail(client.status());
    kv::client::Client& nodes = **client;
    std::vector<absl::StatusOr<pb::StatusResponse>> answers(nodes.endpoints().size());
    AskAll(nodes, [&](std::size_t i) { answers[i] = nodes.maintenance().Status(i, session.call_options()); });

    std::vector<EndpointStatus> shown;
    ExitCode exit_code = kSuccess;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      const std::string& name = nodes.endpoints().name(i);
      if (answers[i].ok()) {
        shown.push_back({.endpoint = name, .status = *std::move(answers[i])});
        continue;
      }
      session.Err(fmt::format("Failed to get the status of endpoint {} ({})\n", name,
                              MessageOf(answers[i].status())));
      exit_code = kError;
    }
    const ExitCode written = session.Out(session.printer().Status(shown));
    return exit_code == kSuccess ? written : exit_code;
  }

 private:
  bool cluster_ = false;
};

}  // namespace

std::unique_ptr<Command> NewEndpointStatusCommand() { return std::make_unique<EndpointStatusCommand>(); }

}  // namespace cairn::ctl
