#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>
#include <utility>

#include "cmd/cairnctl/command.h"
#include "cmd/cairnctl/requests.h"

namespace cairn::ctl {
namespace {

constexpr Usage kUsage = {
    .path = "put",
    .arguments = "<key> [value]",
    .summary = "Puts the given key into the store",
    .details =
        "Without a value it is read from standard input, to its end and byte for byte.\n"
        "A value that begins with a dash needs -- before it.",
    .examples =
        "cairnctl put greeting hello\n"
        "cairnctl put greeting -- -v           a value that begins with a dash\n"
        "cairnctl put settings < settings.json\n"
        "cairnctl put greeting hi --prev-kv    shows what was there before",
};

absl::StatusOr<std::string> ReadAll(std::FILE* file) {
  std::string text;
  char buffer[64 << 10];
  while (const std::size_t count = std::fread(buffer, 1, sizeof(buffer), file)) text.append(buffer, count);
  if (std::ferror(file) != 0) {
    return BadArguments(
        fmt::format("cannot read the value from standard input: {}", std::generic_category().message(errno)));
  }
  return text;
}

class PutCommand final : public Command {
 public:
  const Usage& usage() const override { return kUsage; }
  void AddFlags(FlagSet& flags) override { flags_.AddTo(flags); }

  int Run(Session& session, const FlagSet::Parsed& parsed) override {
    std::vector<std::string> arguments = parsed.arguments;
    if (flags_.WantsInput(arguments)) {
      absl::StatusOr<std::string> value = ReadAll(stdin);
      if (!value.ok()) return session.Fail(value.status());
      arguments.push_back(*std::move(value));
    }
    const absl::StatusOr<pb::PutRequest> request = flags_.Request(arguments);
    if (!request.ok()) return session.Fail(request.status());
    if (absl::Status status = session.Prepare(AnswerKind::kKeyValues); !status.ok())
      return session.Fail(status);
    const absl::StatusOr<pb::PutResponse> response =
        session.client().kv().Put(*request, session.call_options());
    if (!response.ok()) return session.Fail(response.status());
    return session.Out(session.printer().Put(*response));
  }

 private:
  PutFlags flags_;
};

}  // namespace

std::unique_ptr<Command> NewPutCommand() { return std::make_unique<PutCommand>(); }

}  // namespace cairn::ctl
