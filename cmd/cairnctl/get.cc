#include "cmd/cairnctl/command.h"
#include "cmd/cairnctl/requests.h"

namespace cairn::ctl {
namespace {

constexpr Usage kUsage = {
    .path = "get",
    .arguments = "<key> [range_end]",
    .summary = "Gets the key or a range of keys",
    .details =
        "Reads what every write acknowledged before has left, on whichever node answers. With "
        "--consistency=s the\n"
        "node answers from what it has, which may be older but needs no majority.",
    .examples =
        "cairnctl get greeting                 one key\n"
        "cairnctl get --prefix app/            all keys that begin with app/\n"
        "cairnctl get a m                      keys from a up to, and not including, m\n"
        "cairnctl get --prefix \"\" --keys-only  all keys, without values\n"
        "cairnctl get greeting --rev 7         as it was at revision 7\n"
        "cairnctl get --prefix app/ --sort-by MODIFY --order DESCEND --limit 1\n"
        "cairnctl get greeting -w json         with revisions and version",
};

class GetCommand final : public Command {
 public:
  const Usage& usage() const override { return kUsage; }
  void AddFlags(FlagSet& flags) override { flags_.AddTo(flags); }

  int Run(Session& session, const FlagSet::Parsed& parsed) override {
    const absl::StatusOr<pb::RangeRequest> request = flags_.Request(parsed.arguments);
    if (!request.ok()) return session.Fail(request.status());
    if (flags_.count_only && session.options().format != "fields" && session.options().format != "json") {
      return session.Fail(
          BadArguments("--count-only is only for `--write-out=fields` and `--write-out=json`"));
    }
    if (absl::Status status = session.Prepare(AnswerKind::kKeyValues, flags_.value_only); !status.ok()) {
      return session.Fail(status);
    }
    const absl::StatusOr<pb::RangeResponse> response =
        session.client().kv().Get(*request, session.call_options());
    if (!response.ok()) return session.Fail(response.status());
    return session.Out(session.printer().Get(*response));
  }

 private:
  GetFlags flags_;
};

}  // namespace

std::unique_ptr<Command> NewGetCommand() { return std::make_unique<GetCommand>(); }

}  // namespace cairn::ctl
