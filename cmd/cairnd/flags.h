#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cairn::node {

enum class FlagKind : std::uint8_t {
  kText,
  kNumber,         // A decimal integer, negative ones included.
  kNotEnforced,    // A decimal integer that clients are told and nothing obeys; named once in the log.
  kDuration,       // As Go writes it: 10m, 1.5s, 300ms.
  kSwitch,         // Needs no value; --flag=false turns it off.
  kIgnored,        // Of etcd, with a value, means nothing here; named once in the log.
  kIgnoredSwitch,  // Of etcd, without a value, means nothing here.
  kRetired,        // Ignored by etcd as well, whatever its value; may stand without one.
  kOlderName,      // Of etcd, means what the flag named by `help` means, and yields to it.
  kRefused,        // Of etcd, and ignoring it would be dangerous; refused unless its value is empty.
  kRefusedSwitch,  // The same; refused unless it is off.
};

// One flag. Its environment variable is ETCD_ and the name in capitals with underscores.
struct FlagSpec {
  std::string_view name;
  FlagKind kind = FlagKind::kText;
  std::string_view placeholder;  // Of its value in --help.
  std::string_view fallback;     // The default in words, for --help only.
  std::string_view help;         // For kRefused: why; for kOlderName: the flag it stands for.

  // Its value, if it has one, is true or false.
  [[nodiscard]] bool is_switch() const {
    return kind == FlagKind::kSwitch || kind == FlagKind::kIgnoredSwitch || kind == FlagKind::kRefusedSwitch;
  }
  // Does not take the next word of the command line.
  [[nodiscard]] bool stands_alone() const { return is_switch() || kind == FlagKind::kRetired; }
};

// Every flag there is, ours first, then those of etcd 3.4 to 3.6 that mean nothing here (flag_table.cc).
std::span<const FlagSpec> FlagTable();

std::string EnvironmentName(std::string_view flag);

// The name in the table that takes the fewest edits to become `name`; of those that a person may want.
std::string_view NearestFlag(std::string_view name);

// What --help prints.
std::string HelpText();

// What was given, and where.
class FlagValues {
 public:
  [[nodiscard]] bool Has(std::string_view flag) const { return values_.contains(flag); }
  // The value if it was given, else `fallback`.
  [[nodiscard]] std::string Text(std::string_view flag, std::string_view fallback) const;
  [[nodiscard]] bool Switch(std::string_view flag) const;
  // The numbers and durations (in milliseconds) were checked when they were parsed.
  [[nodiscard]] std::int64_t Number(std::string_view flag, std::int64_t fallback) const;
  [[nodiscard]] std::int64_t Milliseconds(std::string_view flag, std::int64_t fallback) const;

  // Sentences for the log: what was ignored, and why.
  [[nodiscard]] const std::vector<std::string>& notices() const { return notices_; }

 private:
  friend class FlagParser;
  std::map<std::string, std::string, std::less<>> values_;
  std::vector<std::string> notices_;
};

using Environment = std::span<const std::pair<std::string, std::string>>;

// Parses a command line (without the program's name) and the environment; the command line wins. Takes
// --flag value, --flag=value, and one dash instead of two, as etcd does; an empty variable counts as absent.
// InvalidArgument with a sentence that says what to do.
absl::StatusOr<FlagValues> ParseFlags(std::span<const std::string> arguments, Environment environment);

}  // namespace cairn::node
