#include "cmd/cairnctl/command.h"
#include "cmd/cairnctl/requests.h"

namespace cairn::ctl {
namespace {

constexpr Usage kUsage = {
    .path = "del",
    .arguments = "<key> [range_end]",
    .summary = "Removes the specified key or range of keys [key, range_end)",
    .details = "Prints how many keys there were.",
    .examples =
        "cairnctl del greeting\n"
        "cairnctl del --prefix app/            all keys that begin with app/\n"
        "cairnctl del a m                      keys from a up to, and not including, m\n"
        "cairnctl del greeting --prev-kv       shows what was there before",
};

class DelCommand final : public Command {
 public:
  const Usage& usage() const override { return kUsage; }
  void AddFlags(FlagSet& flags) override { flags_.AddTo(flags); }

  int Run(Session& session, const FlagSet::Parsed& parsed) override {
    const absl::StatusOr<pb::DeleteRangeRequest> request = flags_.Request(parsed.arguments);
    if (!request.ok()) return session.Fail(request.status());
    if (absl::Status status = session.Prepare(AnswerKind::kKeyValues); !status.ok())
      return session.Fail(status);
    const absl::StatusOr<pb::DeleteRangeResponse> response =
        session.client().kv().Delete(*request, session.call_options());
    if (!response.ok()) return session.Fail(response.status());
    return session.Out(session.printer().Del(*response));
  }

 private:
  DelFlags flags_;
};

}  // namespace

std::unique_ptr<Command> NewDelCommand() { return std::make_unique<DelCommand>(); }

}  // namespace cairn::ctl
