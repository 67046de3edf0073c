#include "cmd/cairnctl/flags.h"

#include <fmt/format.h>

#include <charconv>

#include "raft/base/assert.h"

namespace cairn::ctl {
namespace {

absl::Status Bad(const std::string& message) { return absl::InvalidArgumentError(message); }

absl::Status BadValue(const FlagSet::Flag& flag, std::string_view value, std::string_view expected) {
  return Bad(fmt::format("invalid argument \"{}\" for \"--{}\": expected {}", value, flag.name, expected));
}

bool ParseBool(std::string_view text, bool& value) {
  if (text == "true" || text == "1" || text == "t" || text == "T" || text == "TRUE" || text == "True") {
    value = true;
    return true;
  }
  if (text == "false" || text == "0" || text == "f" || text == "F" || text == "FALSE" || text == "False") {
    value = false;
    return true;
  }
  return false;
}

std::string DefaultText(const FlagSet::Target& target) {
  if (const auto* value = std::get_if<bool*>(&target)) return **value ? "true" : "false";
  if (const auto* value = std::get_if<std::int64_t*>(&target)) return std::to_string(**value);
  if (const auto* value = std::get_if<std::string*>(&target)) return **value;
  return DurationText(**std::get_if<std::chrono::milliseconds*>(&target));
}

}  // namespace

FlagSet& FlagSet::Add(std::string name, Target target, std::string help, std::vector<std::string> values,
                      char short_name) {
  CAIRN_ASSERT(Find(name) == nullptr, "flag {} is declared twice", name);
  std::string default_text = DefaultText(target);
  flags_.push_back({.name = std::move(name),
                    .short_name = short_name,
                    .target = target,
                    .help = std::move(help),
                    .default_text = std::move(default_text),
                    .values = std::move(values),
                    .set = false});
  return *this;
}

FlagSet::Flag* FlagSet::Find(std::string_view name) {
  for (Flag& flag : flags_) {
    if (flag.name == name) return &flag;
  }
  return nullptr;
}

absl::StatusOr<FlagSet::Flag*> FlagSet::FindShort(char name, std::string_view group) {
  for (Flag& flag : flags_) {
    if (flag.short_name == name) return &flag;
  }
  return Bad(fmt::format("unknown shorthand flag: '{}' in {}", name, group));
}

absl::Status FlagSet::Assign(Flag& flag, std::string_view value) {
  flag.set = true;
  if (auto* target = std::get_if<bool*>(&flag.target)) {
    return ParseBool(value, **target) ? absl::OkStatus() : BadValue(flag, value, "true or false");
  }
  if (auto* target = std::get_if<std::int64_t*>(&flag.target)) {
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), **target);
    const bool all = error == std::errc() && end == value.data() + value.size();
    return all ? absl::OkStatus() : BadValue(flag, value, "a whole number");
  }
  if (auto* target = std::get_if<std::string*>(&flag.target)) {
    **target = std::string(value);
    return absl::OkStatus();
  }
  absl::StatusOr<std::chrono::milliseconds> time = ParseDuration(value);
  if (!time.ok()) return BadValue(flag, value, "a time such as 5s or 250ms");
  **std::get_if<std::chrono::milliseconds*>(&flag.target) = *time;
  return absl::OkStatus();
}

absl::Status FlagSet::Set(std::string_view name, std::string_view value) {
  Flag* flag = Find(name);
  CAIRN_ASSERT(flag != nullptr, "no flag {}", name);
  return Assign(*flag, value);
}

bool FlagSet::IsSet(std::string_view name) const {
  for (const Flag& flag : flags_) {
    if (flag.name == name) return flag.set;
  }
  return false;
}

absl::StatusOr<FlagSet::Parsed> FlagSet::Parse(const std::vector<std::string>& arguments) {
  Parsed parsed;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--") {
      parsed.before_dashes = parsed.arguments.size();
      parsed.dashes = true;
      parsed.arguments.insert(parsed.arguments.end(), arguments.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                              arguments.end());
      return parsed;
    }
    // A lone dash is an argument.
    if (argument.size() < 2 || argument[0] != '-') {
      parsed.arguments.emplace_back(argument);
      continue;
    }
    Flag* flag = nullptr;
    std::string_view value;
    bool has_value = false;
    if (argument[1] == '-') {
      const std::size_t equals = argument.find('=');
      flag = Find(argument.substr(2, equals == std::string_view::npos ? equals : equals - 2));
      if (flag == nullptr) return Bad(fmt::format("unknown flag: {}", argument.substr(0, equals)));
      has_value = equals != std::string_view::npos;
      if (has_value) value = argument.substr(equals + 1);
    } else {
      absl::StatusOr<Flag*> found = FindShort(argument[1], argument);
      if (!found.ok()) return found.status();
      flag = *found;
      has_value = argument.size() > 2;
      if (has_value) value = argument.substr(argument[2] == '=' ? 3 : 2);
    }
    if (!has_value && std::holds_alternative<bool*>(flag->target)) {
      value = "true";
    } else if (!has_value) {
      if (i + 1 == arguments.size()) return Bad(fmt::format("flag needs an argument: {}", argument));
      value = arguments[++i];
    }
    if (absl::Status status = Assign(*flag, value); !status.ok()) return status;
  }
  parsed.before_dashes = parsed.arguments.size();
  return parsed;
}

absl::StatusOr<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  const std::string whole(text);
  double total = 0;
  if (text == "0") return std::chrono::milliseconds(0);
  if (text.empty()) return Bad("empty time");
  while (!text.empty()) {
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || number < 0) return Bad("bad time: " + whole);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    double unit = 0;
    std::size_t length = 1;
    if (text.starts_with("ms")) {
      unit = 1;
      length = 2;
    } else if (text.starts_with("s")) {
      unit = 1000;
    } else if (text.starts_with("m")) {
      unit = 60'000;
    } else if (text.starts_with("h")) {
      unit = 3'600'000;
    } else {
      return Bad("missing unit in time: " + whole);
    }
    text.remove_prefix(length);
    total += number * unit;
  }
  if (total > 1e12) return Bad("time too long: " + whole);
  return std::chrono::milliseconds(static_cast<std::int64_t>(total));
}

std::string DurationText(std::chrono::milliseconds time) {
  if (time.count() == 0) return "0s";
  if (time.count() < 1000) return fmt::format("{}ms", time.count());
  const std::int64_t hours = time.count() / 3'600'000;
  const std::int64_t minutes = time.count() / 60'000 % 60;
  const double seconds = static_cast<double>(time.count() % 60'000) / 1000;
  std::string text;
  if (hours > 0) text += fmt::format("{}h", hours);
  if (hours > 0 || minutes > 0) text += fmt::format("{}m", minutes);
  return text + fmt::format("{:g}s", seconds);
}

}  // namespace cairn::ctl
