#include "cmd/cairnd/flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>

#include "raft/base/assert.h"
#include "raft/base/status.h"

namespace cairn::node {
namespace {

constexpr std::string_view kEnvironmentPrefix = "ETCD_";

// Levenshtein's distance, one row at a time.
std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
    }
  }
  return row[b.size()];
}

const FlagSpec* Find(std::string_view name) {
  const auto table = FlagTable();
  const auto found =
      std::find_if(table.begin(), table.end(), [&](const FlagSpec& flag) { return flag.name == name; });
  return found == table.end() ? nullptr : &*found;
}

std::optional<bool> ParseSwitch(std::string_view text) {
  for (const std::string_view yes : {"1", "t", "T", "true", "TRUE", "True"}) {
    if (text == yes) return true;
  }
  for (const std::string_view no : {"0", "f", "F", "false", "FALSE", "False"}) {
    if (text == no) return false;
  }
  return std::nullopt;
}

std::optional<std::int64_t> ParseNumber(std::string_view text) {
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return number;
}

// Go's durations: numbers with units, one after the other; a lone 0 needs none.
std::optional<std::int64_t> ParseMilliseconds(std::string_view text) {
  struct Unit {
    std::string_view name;
    double milliseconds;
  };
  // Longer names first: "ms" begins like "m".
  constexpr auto kUnits =
      std::to_array<Unit>({{"ns", 1e-6}, {"us", 1e-3}, {"ms", 1}, {"s", 1e3}, {"m", 6e4}, {"h", 3.6e6}});
  if (text == "0") return 0;
  if (text.empty()) return std::nullopt;
  double total = 0;
  while (!text.empty()) {
    double number = 0;
    const auto [stopped, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || !std::isfinite(number) || number < 0) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(stopped - text.data()));
    const auto unit = std::find_if(kUnits.begin(), kUnits.end(),
                                   [&](const Unit& each) { return text.starts_with(each.name); });
    if (unit == kUnits.end()) return std::nullopt;
    total += number * unit->milliseconds;
    text.remove_prefix(unit->name.size());
  }
  if (total > 1e15) return std::nullopt;
  return std::llround(total);
}

}  // namespace

std::string EnvironmentName(std::string_view flag) {
  std::string name(kEnvironmentPrefix);
  std::transform(flag.begin(), flag.end(), std::back_inserter(name), [](char c) {
    return c == '-' ? '_' : (c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
  });
  return name;
}

std::string_view NearestFlag(std::string_view name) {
  // Retired names are short enough to be near to anything: --v.
  const auto distance = [&](const FlagSpec& flag) {
    return flag.kind == FlagKind::kRetired ? std::numeric_limits<std::size_t>::max()
                                           : EditDistance(flag.name, name);
  };
  const auto table = FlagTable();
  return std::min_element(table.begin(), table.end(),
                          [&](const FlagSpec& a, const FlagSpec& b) { return distance(a) < distance(b); })
      ->name;
}

std::string HelpText() {
  std::string text =
      "Usage: cairnd [flags]\n\n"
      "A node of cairn: a replicated key-value store that etcd clients talk to. Without flags it is a "
      "cluster\n"
      "of one on 127.0.0.1:2379. Each flag can be given in the environment, too: --data-dir as "
      "ETCD_DATA_DIR.\n\n";
  std::string ignored;
  for (const FlagSpec& flag : FlagTable()) {
    switch (flag.kind) {
      case FlagKind::kIgnored:
      case FlagKind::kIgnoredSwitch:
      case FlagKind::kRetired:
        ignored += fmt::format("{}--{}", ignored.empty() ? "" : " ", flag.name);
        break;
      case FlagKind::kRefused:
      case FlagKind::kRefusedSwitch:
        break;
      case FlagKind::kOlderName:
        text += fmt::format("  {:<50} older name of --{}\n", fmt::format("--{}", flag.name), flag.help);
        break;
      default:
        text += fmt::format("  {:<50} {}", fmt::format("--{} {}", flag.name, flag.placeholder), flag.help);
        text += flag.fallback.empty() ? "\n" : fmt::format(" ({})\n", flag.fallback);
    }
  }
  return text + "\nFlags of etcd that are accepted and mean nothing here:\n" + ignored + "\n";
}

std::string FlagValues::Text(std::string_view flag, std::string_view fallback) const {
  const auto found = values_.find(flag);
  return found == values_.end() ? std::string(fallback) : found->second;
}

bool FlagValues::Switch(std::string_view flag) const {
  return ParseSwitch(Text(flag, "false")).value_or(false);
}

std::int64_t FlagValues::Number(std::string_view flag, std::int64_t fallback) const {
  if (!Has(flag)) return fallback;
  const std::optional<std::int64_t> number = ParseNumber(Text(flag, ""));
  CAIRN_ASSERT(number.has_value(), "--{} was checked when it was parsed", flag);
  return *number;
}

std::int64_t FlagValues::Milliseconds(std::string_view flag, std::int64_t fallback) const {
  if (!Has(flag)) return fallback;
  const std::optional<std::int64_t> milliseconds = ParseMilliseconds(Text(flag, ""));
  CAIRN_ASSERT(milliseconds.has_value(), "--{} was checked when it was parsed", flag);
  return *milliseconds;
}

class FlagParser {
 public:
  absl::Status TakeArguments(std::span<const std::string> arguments) {
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const std::string& argument = arguments[i];
      if (argument.size() < 2 || argument[0] != '-') {
        return absl::InvalidArgumentError(fmt::format("'{}' is not a flag; see cairnd --help", argument));
      }
      std::string_view rest = argument;
      rest.remove_prefix(rest.starts_with("--") ? 2 : 1);
      const std::size_t equals = rest.find('=');
      const std::string_view name = rest.substr(0, equals);
      const FlagSpec* const flag = Find(name == "h" ? "help" : name);
      if (flag == nullptr) {
        return absl::InvalidArgumentError(fmt::format(
            "there is no flag --{}; did you mean --{}? See cairnd --help", name, NearestFlag(name)));
      }
      std::string value = "true";
      if (equals != std::string_view::npos) {
        value = rest.substr(equals + 1);
      } else if (!flag->stands_alone()) {
        if (++i == arguments.size()) {
          return absl::InvalidArgumentError(fmt::format("--{} needs a value", name));
        }
        value = arguments[i];
      }
      CAIRN_RETURN_IF_ERROR(Take(*flag, std::move(value), fmt::format("--{}", flag->name)));
    }
    return absl::OkStatus();
  }

  absl::Status TakeEnvironment(Environment environment) {
    for (const auto& [variable, value] : environment) {
      // As etcd: an empty variable is none.
      if (!variable.starts_with(kEnvironmentPrefix) || value.empty()) continue;
      const auto table = FlagTable();
      const auto flag = std::find_if(table.begin(), table.end(), [&](const FlagSpec& each) {
        return EnvironmentName(each.name) == variable;
      });
      // Not refused: such variables belong to etcdctl, to test scripts, to later versions.
      if (flag == table.end()) {
        result_.notices_.push_back(fmt::format("the environment variable {} belongs to no flag", variable));
      } else if (result_.Has(flag->name)) {
        result_.notices_.push_back(
            fmt::format("the environment variable {} yields to --{}", variable, flag->name));
      } else {
        CAIRN_RETURN_IF_ERROR(Take(*flag, value, variable));
      }
    }
    return absl::OkStatus();
  }

  // To be called after each source of flags, so that the command line still wins over the environment.
  absl::Status ReplaceOlderNames() {
    for (const FlagSpec& flag : FlagTable()) {
      if (flag.kind != FlagKind::kOlderName) continue;
      auto given = result_.values_.extract(std::string(flag.name));
      if (given.empty()) continue;
      const FlagSpec* const meant = Find(flag.help);
      CAIRN_ASSERT(meant != nullptr, "--{} stands for no flag", flag.name);
      if (result_.Has(meant->name)) {
        result_.notices_.push_back(fmt::format("--{} yields to --{}", flag.name, meant->name));
        continue;
      }
      CAIRN_RETURN_IF_ERROR(Take(*meant, std::move(given.mapped()), fmt::format("--{}", flag.name)));
    }
    return absl::OkStatus();
  }

  FlagValues Finish() && { return std::move(result_); }

 private:
  absl::Status Take(const FlagSpec& flag, std::string value, std::string_view given_as) {
    const auto wrong = [&](std::string_view what) {
      return absl::InvalidArgumentError(fmt::format("{} is '{}', which is not {}", given_as, value, what));
    };
    if (flag.is_switch() && !ParseSwitch(value)) return wrong("true or false");
    switch (flag.kind) {
      case FlagKind::kNumber:
        if (!ParseNumber(value)) return wrong("a whole number");
        break;
      case FlagKind::kNotEnforced:
        if (!ParseNumber(value)) return wrong("a whole number");
        if (!result_.Has(flag.name)) {
          result_.notices_.push_back(fmt::format("{} is reported to clients and not enforced", given_as));
        }
        break;
      case FlagKind::kDuration:
        if (!ParseMilliseconds(value)) return wrong("a duration such as 10m or 1.5s");
        break;
      case FlagKind::kIgnored:
      case FlagKind::kIgnoredSwitch:
      case FlagKind::kRetired:
        if (!result_.Has(flag.name)) {
          result_.notices_.push_back(
              fmt::format("{} is accepted for etcd's sake and has no effect", given_as));
        }
        break;
      case FlagKind::kRefused:
      case FlagKind::kRefusedSwitch: {
        const bool off = flag.is_switch() ? !*ParseSwitch(value) : value.empty();
        if (!off) return absl::InvalidArgumentError(fmt::format("{} is refused: {}", given_as, flag.help));
        break;
      }
      case FlagKind::kText:
      case FlagKind::kSwitch:
      case FlagKind::kOlderName:  // Checked as what it stands for, in ReplaceOlderNames().
        break;
    }
    result_.values_.insert_or_assign(std::string(flag.name), std::move(value));
    return absl::OkStatus();
  }

  FlagValues result_;
};

absl::StatusOr<FlagValues> ParseFlags(std::span<const std::string> arguments, Environment environment) {
  FlagParser parser;
  CAIRN_RETURN_IF_ERROR(parser.TakeArguments(arguments));
  CAIRN_RETURN_IF_ERROR(parser.ReplaceOlderNames());
  CAIRN_RETURN_IF_ERROR(parser.TakeEnvironment(environment));
  CAIRN_RETURN_IF_ERROR(parser.ReplaceOlderNames());
  return std::move(parser).Finish();
}

}  // namespace cairn::node
