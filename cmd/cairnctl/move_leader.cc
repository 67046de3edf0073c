#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "cmd/cairnctl/command.h"
#include "cmd/cairnctl/go_text.h"

namespace cairn::ctl {
namespace {

constexpr Usage kUsage = {
    .path = "move-leader",
    .arguments = "<transferee-member-id>",
    .summary = "Transfers leadership to another member of the cluster",
    .details = "The endpoints must include the leader's.",
    .examples =
        "cairnctl member list                        shows the ids\n"
        "cairnctl move-leader 99bca5ffd3b6b513 --endpoints 127.0.0.1:2379,127.0.0.1:22379,127.0.0.1:32379",
};

class MoveLeaderCommand final : public Command {
 public:
  const Usage& usage() const override { return kUsage; }
  void AddFlags(FlagSet&) override {}

  int Run(Session& session, const FlagSet::Parsed& parsed) override {
    if (parsed.arguments.size() != 1)
      return session.Fail(BadArguments("move-leader command needs 1 argument"));
    const std::string& text = parsed.arguments[0];
    std::uint64_t target = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), target, 16);
    if (error != std::errc() || end != text.data() + text.size()) {
      return session.Fail(BadArguments(
          fmt::format("strconv.ParseUint: parsing {}: {}", Quoted(text),
                      error == std::errc::result_out_of_range ? "value out of range" : "invalid syntax")));
    }
    // Asked before anything moves whether the answer can be shown.
    if (absl::Status status = session.Prepare(AnswerKind::kKeyValues); !status.ok())
      return session.Fail(status);
    kv::client::Client& client = session.client();
    absl::Status failure;
    for (std::size_t i = 0; i < client.endpoints().size(); ++i) {
      const absl::StatusOr<pb::StatusResponse> status =
          client.maintenance().Status(i, session.call_options());
      if (!status.ok()) failure = status.status();
      if (!status.ok() || status->header().member_id() != status->leader()) continue;
      const absl::StatusOr<pb::MoveLeaderResponse> response =
          client.maintenance().MoveLeader(i, target, session.call_options());
      if (!response.ok()) return session.Fail(response.status());
      return session.Out(session.printer().MoveLeader(status->leader(), target, *response));
    }
    // A dead node may have been the leader a moment ago: its failure is the better explanation.
    if (!failure.ok()) return session.Fail(failure);
    return session.Fail(
        BadArguments(fmt::format("no leader endpoint given at [{}]", client.endpoints().Names())));
  }
};

}  // namespace

std::unique_ptr<Command> NewMoveLeaderCommand() { return std::make_unique<MoveLeaderCommand>(); }

}  // namespace cairn::ctl
