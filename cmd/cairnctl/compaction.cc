#include <fmt/format.h>

#include <charconv>

#include "cmd/cairnctl/command.h"
#include "cmd/cairnctl/go_text.h"

namespace cairn::ctl {
namespace {

constexpr Usage kUsage = {
    .path = "compaction",
    .arguments = "<revision>",
    .summary = "Compacts the history of keys",
    .details =
        "Afterwards reads and watches from before the revision are refused; the present state is untouched.",
    .examples =
        "cairnctl compaction 1234\n"
        "cairnctl compaction --physical 1234   waits until the node that answers has removed the old "
        "versions",
};

class CompactionCommand final : public Command {
 public:
  const Usage& usage() const override { return kUsage; }
  void AddFlags(FlagSet& flags) override {
    flags.Add("physical", &physical_, "wait until old versions are physically removed");
  }

  int Run(Session& session, const FlagSet::Parsed& parsed) override {
    if (parsed.arguments.size() != 1)
      return session.Fail(BadArguments("compaction command needs 1 argument"));
    const std::string& text = parsed.arguments[0];
    std::int64_t revision = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), revision);
    if (error != std::errc() || end != text.data() + text.size()) {
      return session.Fail(absl::InvalidArgumentError(
          fmt::format("strconv.ParseInt: parsing {}: {}", Quoted(text),
                      error == std::errc::result_out_of_range ? "value out of range" : "invalid syntax")));
    }
    if (absl::Status status = session.PrepareClient(); !status.ok()) return session.Fail(status);
    pb::CompactionRequest request;
    request.set_revision(revision);
    request.set_physical(physical_);
    const absl::StatusOr<pb::CompactionResponse> response =
        session.client().kv().Compact(request, session.call_options());
    if (!response.ok()) return session.Fail(response.status());
    return session.Out(fmt::format("compacted revision {}\n", revision));
  }

 private:
  bool physical_ = false;
};

}  // namespace

std::unique_ptr<Command> NewCompactionCommand() { return std::make_unique<CompactionCommand>(); }

}  // namespace cairn::ctl
