#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cairn::ctl {

// Declares the flags of a command and parses its arguments, with the conventions of etcdctl: flags and
// arguments mix, `--flag value` and `--flag=value`, switches as `--flag` or `--flag=false`, `--` ends the
// flags.
//
// Why not CLI11: it takes an argument like [1,2] apart into two, and values that look like JSON are everyday
// values here (seen with 2.1.2). Help, completion and the requests inside `txn` come from the same
// declarations.
class FlagSet {
 public:
  using Target = std::variant<bool*, std::int64_t*, std::string*, std::chrono::milliseconds*>;

  struct Flag {
    std::string name;
    char short_name = 0;  // 0: none.
    Target target;
    std::string help;
    std::string default_text;         // Of the value before parsing.
    std::vector<std::string> values;  // For completion: what makes sense; empty: anything.
    bool set = false;
  };

  // The target keeps its value as the default; it must outlive the set. Names are unique.
  FlagSet& Add(std::string name, Target target, std::string help, std::vector<std::string> values = {},
               char short_name = 0);

  // The arguments that are not flags. An error's message is what is printed after "Error: ".
  struct Parsed {
    std::vector<std::string> arguments;
    std::size_t before_dashes = 0;  // How many of them came before `--`; all, if there was none.
    bool dashes = false;            // There was a `--`.
  };
  absl::StatusOr<Parsed> Parse(const std::vector<std::string>& arguments);

  bool IsSet(std::string_view name) const;
  const std::vector<Flag>& flags() const { return flags_; }
  // Takes its value like a flag on the command line would.
  absl::Status Set(std::string_view name, std::string_view value);

 private:
  Flag* Find(std::string_view name);
  absl::StatusOr<Flag*> FindShort(char name, std::string_view group);
  absl::Status Assign(Flag& flag, std::string_view value);

  std::vector<Flag> flags_;  // In the order of declaration.
};

// "5s", "1m30s", "250ms" as Go reads them; at least one millisecond's resolution.
absl::StatusOr<std::chrono::milliseconds> ParseDuration(std::string_view text);
std::string DurationText(std::chrono::milliseconds time);

}  // namespace cairn::ctl
