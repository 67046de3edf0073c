#include <fmt/format.h>

#include "cmd/cairnctl/command.h"
#include "cmd/cairnctl/endpoint_set.h"
#include "raft/base/status.h"

namespace cairn::ctl {
namespace {

constexpr Usage kUsage = {
    .path = "endpoint hashkv",
    .arguments = "",
    .summary = "Prints the KV history hash for each endpoint",
    .details =
        "Nodes with the same history up to a revision, and the same compacted revision, have the same hash.",
    .examples =
        "cairnctl endpoint hashkv --cluster --rev 1234   of the history up to revision 1234, on all members",
};

class EndpointHashKvCommand final : public Command {
 public:
  const Usage& usage() const override { return kUsage; }
  void AddFlags(FlagSet& flags) override {
    flags.Add("cluster", &cluster_, "use all endpoints from the cluster member list")
        .Add("rev", &revision_, "maximum revision to hash; 0: all revisions");
  }

  int Run(Session& session, const FlagSet::Parsed&) override {
    if (absl::Status status = session.Prepare(AnswerKind::kEndpoints); !status.ok())
      return session.Fail(status);
    absl::StatusOr<std::unique_ptr<kv::client::Client>> client = EndpointClient(session, cluster_);
    if (!client.ok()) return session.Fail(client.status());
    kv::client::Client& nodes = **client;
    std::vector<absl::StatusOr<pb::HashKVResponse>> answers(nodes.endpoints().size());
    AskAll(nodes, [&](std::size_t i) {
      answers[i] = nodes.maintenance().HashKv(i, revision_, session.call_options());
    });

    std::vector<EndpointHash> shown;
    absl::Status failure;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      const std::string& name = nodes.endpoints().name(i);
      if (answers[i].ok()) {
        shown.push_back({.endpoint = name, .hash = *std::move(answers[i])});
        continue;
      }
      failure = answers[i].status();
      session.Err(fmt::format("Failed to get the hash of endpoint {} ({})\n", name, MessageOf(failure)));
    }
    const ExitCode written = session.Out(session.printer().Hash(shown));
    return failure.ok() ? written : session.Fail(failure);
  }

 private:
  bool cluster_ = false;
  std::int64_t revision_ = 0;
};

}  // namespace

std::unique_ptr<Command> NewEndpointHashKvCommand() { return std::make_unique<EndpointHashKvCommand>(); }

}  // namespace cairn::ctl
