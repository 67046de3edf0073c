#include "cmd/cairnctl/txn_grammar.h"

#include <fmt/format.h>

#include <charconv>

#include "cmd/cairnctl/exit_code.h"
#include "cmd/cairnctl/go_text.h"
#include "cmd/cairnctl/requests.h"

namespace cairn::ctl {
namespace {

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

// Takes a quoted string off the front of `text`.
bool TakeQuoted(std::string_view& text, std::string& value) {
  std::optional<Unquoted> quoted = Unquote(text);
  if (!quoted.has_value()) return false;
  value = std::move(quoted->bytes);
  text.remove_prefix(quoted->length);
  return true;
}

bool TakeSpaces(std::string_view& text) {
  const std::size_t before = text.size();
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  return text.size() < before;
}

// What stands between the parenthesis and the end of the line: "key") operator "value".
struct Parts {
  std::string key;
  std::string op;
  std::string value;
  bool complete = false;
};

Parts Split(std::string_view text) {
  Parts parts;
  if (!TakeQuoted(text, parts.key)) return parts;
  if (!text.starts_with(')')) return parts;
  text.remove_prefix(1);
  if (!TakeSpaces(text)) return parts;
  const std::size_t end = std::min(text.find(' '), text.size());
  parts.op = text.substr(0, end);
  text.remove_prefix(end);
  if (!TakeSpaces(text)) return parts;
  parts.complete = TakeQuoted(text, parts.value) && Trimmed(text).empty();
  return parts;
}

std::optional<pb::Compare::CompareResult> Operator(std::string_view op) {
  if (op == "=") return pb::Compare::EQUAL;
  if (op == "!=") return pb::Compare::NOT_EQUAL;
  if (op == ">") return pb::Compare::GREATER;
  if (op == "<") return pb::Compare::LESS;
  return std::nullopt;
}

std::optional<std::int64_t> Number(std::string_view text, int base) {
  std::int64_t value = 0;
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Sets target and operand; false if the operand is not a number where one is needed.
enum class Setting { kDone, kUnknownTarget, kBadNumber };
Setting SetTarget(std::string_view target, const std::string& value, pb::Compare& compare) {
  if (target == "val" || target == "value") {
    compare.set_target(pb::Compare::VALUE);
    compare.set_value(value);
    return Setting::kDone;
  }
  // Leases are written in hexadecimal everywhere.
  const std::optional<std::int64_t> number = Number(value, target == "lease" ? 16 : 10);
  if (target == "ver" || target == "version") {
    compare.set_target(pb::Compare::VERSION);
    compare.set_version(number.value_or(0));
  } else if (target == "c" || target == "create") {
    compare.set_target(pb::Compare::CREATE);
    compare.set_create_revision(number.value_or(0));
  } else if (target == "m" || target == "mod") {
    compare.set_target(pb::Compare::MOD);
    compare.set_mod_revision(number.value_or(0));
  } else if (target == "lease") {
    compare.set_target(pb::Compare::LEASE);
    compare.set_lease(number.value_or(0));
  } else {
    return Setting::kUnknownTarget;
  }
  return number.has_value() ? Setting::kDone : Setting::kBadNumber;
}

// The flags and arguments of a request line, without the command's name.
template <typename Flags>
absl::StatusOr<std::vector<std::string>> ParseFlags(Flags& flags, const std::vector<std::string>& words,
                                                    std::string_view line) {
  FlagSet set;
  flags.AddTo(set);
  absl::StatusOr<FlagSet::Parsed> parsed = set.Parse({words.begin() + 1, words.end()});
  if (!parsed.ok()) return BadInput(fmt::format("invalid txn request: {}", line));
  return std::move(parsed->arguments);
}

// One of the three parts.
absl::Status ReadPart(const LineSource& lines, const std::function<absl::Status(std::string_view)>& on_line) {
  while (true) {
    const std::optional<std::string> line = lines();
    // Half a transaction is not run.
    if (!line.has_value()) return BadInput("EOF");
    const std::string_view text = Trimmed(*line);
    if (text.empty()) return absl::OkStatus();
    if (absl::Status status = on_line(text); !status.ok()) return status;
  }
}

}  // namespace

absl::StatusOr<std::vector<std::string>> SplitArguments(std::string_view line) {
  std::vector<std::string> words;
  while (!line.empty()) {
    if (IsSpace(line[0])) {
      line.remove_prefix(1);
    } else if (line[0] == '"') {
      std::string word;
      if (!TakeQuoted(line, word)) return BadInput(fmt::format("bad quoted string: {}", line));
      words.push_back(std::move(word));
    } else if (line[0] == '\'') {
      const std::size_t end = line.find('\'', 1);
      if (end == std::string_view::npos) return BadInput(fmt::format("quote is not closed: {}", line));
      words.emplace_back(line.substr(1, end - 1));
      line.remove_prefix(end + 1);
    } else {
      std::size_t end = 0;
      while (end < line.size() && !IsSpace(line[end])) ++end;
      words.emplace_back(line.substr(0, end));
      line.remove_prefix(end);
    }
  }
  return words;
}

absl::StatusOr<pb::Compare> ParseComparison(std::string_view line) {
  const std::size_t parenthesis = line.find('(');
  if (parenthesis == std::string_view::npos) return BadInput(fmt::format("malformed comparison: {}", line));
  const std::string_view target = line.substr(0, parenthesis);
  const Parts parts = Split(line.substr(parenthesis + 1));
  if (!parts.complete) {
    return BadInput(fmt::format("malformed comparison: {}; got {}({}) {} {}", line, target, Quoted(parts.key),
                                parts.op, Quoted(parts.value)));
  }
  const std::optional<pb::Compare::CompareResult> result = Operator(parts.op);
  if (!result.has_value()) {
    return BadInput(
        fmt::format("malformed comparison: {} (unknown operator {}; use = != < >)", line, parts.op));
  }
  pb::Compare compare;
  compare.set_key(parts.key);
  compare.set_result(*result);
  switch (SetTarget(target, parts.value, compare)) {
    case Setting::kUnknownTarget:
      return BadInput(fmt::format("malformed comparison: {} (unknown target {})", line, target));
    case Setting::kBadNumber:
      return BadInput(fmt::format("invalid txn compare request: {}", line));
    case Setting::kDone:
      break;
  }
  return compare;
}

absl::StatusOr<pb::RequestOp> ParseRequest(std::string_view line) {
  const absl::StatusOr<std::vector<std::string>> words = SplitArguments(line);
  if (!words.ok()) return words.status();
  if (words->size() < 2) return BadInput(fmt::format("invalid txn compare request: {}", line));
  const std::string& name = words->front();
  pb::RequestOp op;
  if (name == "get") {
    GetFlags flags;
    const auto arguments = ParseFlags(flags, *words, line);
    if (!arguments.ok()) return arguments.status();
    absl::StatusOr<pb::RangeRequest> request = flags.Request(*arguments);
    if (!request.ok()) return request.status();
    *op.mutable_request_range() = *std::move(request);
  } else if (name == "put") {
    PutFlags flags;
    const auto arguments = ParseFlags(flags, *words, line);
    if (!arguments.ok()) return arguments.status();
    // Standard input is taken by the transaction itself.
    if (flags.WantsInput(*arguments))
      return BadInput(fmt::format("invalid txn request: {} (no value)", line));
    absl::StatusOr<pb::PutRequest> request = flags.Request(*arguments);
    if (!request.ok()) return request.status();
    *op.mutable_request_put() = *std::move(request);
  } else if (name == "del") {
    DelFlags flags;
    const auto arguments = ParseFlags(flags, *words, line);
    if (!arguments.ok()) return arguments.status();
    absl::StatusOr<pb::DeleteRangeRequest> request = flags.Request(*arguments);
    if (!request.ok()) return request.status();
    *op.mutable_request_delete_range() = *std::move(request);
  } else {
    return BadInput(fmt::format("invalid txn request: {}", line));
  }
  return op;
}

absl::StatusOr<pb::TxnRequest> ReadTxn(const LineSource& lines,
                                       const std::function<void(std::string_view title)>& on_part) {
  pb::TxnRequest request;
  on_part("compares:");
  absl::Status status = ReadPart(lines, [&](std::string_view line) {
    absl::StatusOr<pb::Compare> compare = ParseComparison(line);
    if (!compare.ok()) return compare.status();
    *request.add_compare() = *std::move(compare);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;

  const auto read_requests = [&](google::protobuf::RepeatedPtrField<pb::RequestOp>& ops) {
    return ReadPart(lines, [&](std::string_view line) {
      absl::StatusOr<pb::RequestOp> op = ParseRequest(line);
      if (!op.ok()) return op.status();
      *ops.Add() = *std::move(op);
      return absl::OkStatus();
    });
  };
  on_part("success requests (get, put, del):");
  if (status = read_requests(*request.mutable_success()); !status.ok()) return status;
  on_part("failure requests (get, put, del):");
  if (status = read_requests(*request.mutable_failure()); !status.ok()) return status;
  return request;
}

}  // namespace cairn::ctl
