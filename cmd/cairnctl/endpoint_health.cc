#include <chrono>

#include "cmd/cairnctl/command.h"
#include "cmd/cairnctl/endpoint_set.h"
#include "cmd/cairnctl/go_text.h"
#include "raft/base/status.h"

namespace cairn::ctl {
namespace {

constexpr Usage kUsage = {
    .path = "endpoint health",
    .arguments = "",
    .summary = "Checks whether endpoints can serve",
    .details =
        "A healthy node answers a linearizable read, so it knows a leader and the leader has a majority.",
    .examples =
        "cairnctl endpoint health --cluster   all members\n"
        "cairnctl endpoint health -w json",
};

class EndpointHealthCommand final : public Command {
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
    std::vector<EndpointHealth> health(nodes.endpoints().size());
    AskAll(nodes, [&](std::size_t i) {
      const auto start = std::chrono::steady_clock::now();
      const absl::Status status = nodes.maintenance().Health(i, session.call_options());
      const auto took = std::chrono::steady_clock::now() - start;
      health[i] = {.endpoint = nodes.endpoints().name(i),
                   .healthy = status.ok(),
                   .took = GoDuration(std::chrono::duration_cast<std::chrono::nanoseconds>(took).count()),
                   .error = std::string(MessageOf(status))};
    });
    const ExitCode shown = session.Out(session.printer().Health(health));
    for (const EndpointHealth& endpoint : health) {
      if (!endpoint.healthy) return session.Fail(absl::UnavailableError("unhealthy cluster"));
    }
    return shown;
  }

 private:
  bool cluster_ = false;
};

}  // namespace

std::unique_ptr<Command> NewEndpointHealthCommand() { return std::make_unique<EndpointHealthCommand>(); }

}  // namespace cairn::ctl
