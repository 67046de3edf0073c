#include <optional>

#include "cmd/cairnctl/command.h"
#include "cmd/cairnctl/requests.h"

namespace cairn::ctl {
namespace {

constexpr Usage kUsage = {
    .path = "member list",
    .arguments = "",
    .summary = "Lists all members in the cluster",
    .details =
        "Simple output has per member: ID, status, name, peer addresses, client addresses, is learner. With\n"
        "--consistency=s the node answers from what it knows, which needs no majority.",
    .examples =
        "cairnctl member list\n"
        "cairnctl member list -w table",
};

class MemberListCommand final : public Command {
 public:
  const Usage& usage() const override { return kUsage; }
  void AddFlags(FlagSet& flags) override { flags_.AddTo(flags); }

  int Run(Session& session, const FlagSet::Parsed&) override {
    const absl::StatusOr<pb::MemberListRequest> request = flags_.Request();
    if (!request.ok()) return session.Fail(request.status());
    if (absl::Status status = session.Prepare(AnswerKind::kMembers); !status.ok())
      return session.Fail(status);
    const absl::StatusOr<pb::MemberListResponse> response =
        kv::client::Caller(session.client().endpoints())
            .Call(kv::client::CallKind::kRead, session.call_options(), std::nullopt, *request,
                  &pb::Cluster::Stub::MemberList);
    if (!response.ok()) return session.Fail(response.status());
    return session.Out(session.printer().MemberList(*response));
  }

 private:
  MemberListFlags flags_;
};

}  // namespace

std::unique_ptr<Command> NewMemberListCommand() { return std::make_unique<MemberListCommand>(); }

}  // namespace cairn::ctl
