#include "cmd/cairnctl/command.h"

namespace cairn::ctl {
namespace {

constexpr Usage kUsage = {
    .path = "member list",
    .arguments = "",
    .summary = "Lists all members in the cluster",
    .details =
        "Simple output has per member: ID, status, name, peer addresses, client addresses, is learner.",
    .examples =
        "cairnctl member list\n"
        "cairnctl member list -w table",
};

class MemberListCommand final : public Command {
 public:
  const Usage& usage() const override { return kUsage; }
  void AddFlags(FlagSet&) override {}

  int Run(Session& session, const FlagSet::Parsed&) override {
    if (absl::Status status = session.Prepare(AnswerKind::kMembers); !status.ok())
      return session.Fail(status);
    const absl::StatusOr<pb::MemberListResponse> response =
        session.client().cluster().MemberList(session.call_options());
    if (!response.ok()) return session.Fail(response.status());
    session.Out(session.printer().MemberList(*response));
    return kSuccess;
  }
};

}  // namespace

std::unique_ptr<Command> NewMemberListCommand() { return std::make_unique<MemberListCommand>(); }

}  // namespace cairn::ctl
