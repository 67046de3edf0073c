#include <iostream>
#include <optional>
#include <string>

#include "cmd/cairnctl/command.h"
#include "cmd/cairnctl/txn_grammar.h"

namespace cairn::ctl {
namespace {

constexpr Usage kUsage = {
    .path = "txn",
    .arguments = "",
    .summary = "Processes all the requests in one transaction",
    .details =
        "Reads three parts from standard input, each ended by an empty line: comparisons; requests to run if "
        "they all\n"
        "hold; requests to run otherwise. Comparisons: value(\"key\") = \"text\"; version, create, mod with "
        "a number;\n"
        "operators = != < >. Requests: get, put, del with their flags.",
    .examples =
        "cairnctl txn -i      asks for the parts\n"
        "cairnctl txn <<'END'\n"
        "version(\"lock\") = \"0\"\n"
        "\n"
        "put lock mine\n"
        "\n"
        "get lock\n"
        "\n"
        "END",
};

class TxnCommand final : public Command {
 public:
  const Usage& usage() const override { return kUsage; }
  void AddFlags(FlagSet& flags) override {
    flags.Add("interactive", &interactive_, "ask for the parts of the transaction", {}, 'i');
  }

  int Run(Session& session, const FlagSet::Parsed& parsed) override {
    if (!parsed.arguments.empty()) return session.Fail(BadArguments("txn command does not accept argument"));
    if (absl::Status status = session.Prepare(AnswerKind::kKeyValues); !status.ok())
      return session.Fail(status);
    const absl::StatusOr<pb::TxnRequest> request = ReadTxn(
        []() -> std::optional<std::string> {
          std::string line;
          // A last line without its line break is half a line.
          if (!std::getline(std::cin, line) || std::cin.eof()) return std::nullopt;
          return line;
        },
        [&](std::string_view title) {
          // Only a prompt; whether the answer could be written is what counts.
          if (interactive_) static_cast<void>(session.Out(std::string(title) + "\n"));
        });
    if (!request.ok()) return session.Fail(request.status());
    const absl::StatusOr<pb::TxnResponse> response =
        session.client().kv().Txn(*request, session.call_options());
    if (!response.ok()) return session.Fail(response.status());
    return session.Out(session.printer().Txn(*response));
  }

 private:
  bool interactive_ = false;
};

}  // namespace

std::unique_ptr<Command> NewTxnCommand() { return std::make_unique<TxnCommand>(); }

}  // namespace cairn::ctl
