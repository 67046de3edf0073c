#include "cmd/cairnctl/requests.h"

#include <fmt/format.h>

#include <cctype>
#include <charconv>

#include "cmd/cairnctl/exit_code.h"
#include "cmd/cairnctl/go_text.h"
#include "kv/client/kv.h"

namespace cairn::ctl {
namespace {

constexpr char kPrefixAndFromKey[] = "`--prefix` and `--from-key` cannot be set at the same time, choose one";
constexpr char kTooManyArguments[] =
    "too many arguments, only accept one argument when `--prefix` or `--from-key` is set";

std::string Capitals(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

absl::StatusOr<pb::RangeRequest::SortOrder> SortOrder(const std::string& text) {
  const std::string order = Capitals(text);
  if (order.empty()) return pb::RangeRequest::NONE;
  if (order == "ASCEND") return pb::RangeRequest::ASCEND;
  if (order == "DESCEND") return pb::RangeRequest::DESCEND;
  return BadFeature("bad sort order " + text);
}

absl::StatusOr<pb::RangeRequest::SortTarget> SortTarget(const std::string& text) {
  const std::string target = Capitals(text);
  if (target.empty() || target == "KEY") return pb::RangeRequest::KEY;
  if (target == "CREATE") return pb::RangeRequest::CREATE;
  if (target == "MODIFY") return pb::RangeRequest::MOD;
  if (target == "VALUE") return pb::RangeRequest::VALUE;
  if (target == "VERSION") return pb::RangeRequest::VERSION;
  return BadFeature("bad sort target " + text);
}

absl::Status CheckConsistency(const std::string& text) {
  if (text == "l" || text == "s") return absl::OkStatus();
  return BadFeature(fmt::format("unknown consistency flag {}", Quoted(text)));
}

// Bounds of 0 or less are no bounds.
absl::Status CheckBounds(std::string_view what, std::int64_t min, std::int64_t max) {
  if (max <= 0 || min <= max) return absl::OkStatus();
  return BadFeature(
      fmt::format("--min-{0}-rev ({1}) is above --max-{0}-rev ({2}): no key can match", what, min, max));
}

std::int64_t Bound(std::int64_t revision) { return revision > 0 ? revision : 0; }

absl::StatusOr<std::int64_t> LeaseId(const std::string& text) {
  std::int64_t id = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, id, 16);
  if (error == std::errc() && stop == end) return id;
  const char* why = error == std::errc::result_out_of_range ? "value out of range" : "invalid syntax";
  return BadArguments(
      fmt::format("bad lease ID (strconv.ParseInt: parsing {}: {}), expecting ID in Hex", Quoted(text), why));
}

}  // namespace

KeySpan PrefixSpan(const std::string& key) {
  const std::string zero(1, '\0');
  if (key.empty()) return {.key = zero, .end = zero};
  return {.key = key, .end = kv::client::PrefixEnd(key)};
}

KeySpan FromKeySpan(const std::string& key) {
  const std::string zero(1, '\0');
  return {.key = key.empty() ? zero : key, .end = zero};
}

void GetFlags::AddTo(FlagSet& flags) {
  flags
      .Add("consistency", &consistency, "l: linearizable, as new as any; s: serializable, may be older",
           {"l", "s"})
      .Add("count-only", &count_only, "get only the count; needs --write-out=fields or json")
      .Add("from-key", &from_key, "get keys that are greater than or equal to the given key")
      .Add("keys-only", &keys_only, "get only the keys")
      .Add("limit", &limit, "maximum number of results; 0: all")
      .Add("max-create-rev", &max_create_revision, "only keys created at this revision or before; 0: all")
      .Add("max-mod-rev", &max_mod_revision, "only keys last changed at this revision or before; 0: all")
      .Add("min-create-rev", &min_create_revision, "only keys created at this revision or later; 0: all")
      .Add("min-mod-rev", &min_mod_revision, "only keys last changed at this revision or later; 0: all")
      .Add("order", &order, "order of results: ASCEND or DESCEND", {"ASCEND", "DESCEND"})
      .Add("prefix", &prefix, "get keys with this prefix")
      .Add("print-value-only", &value_only, "only write values; for the \"simple\" output format")
      .Add("rev", &revision, "as it was at this revision; 0: now")
      .Add("sort-by", &sort_by, "what to sort by: CREATE, KEY, MODIFY, VALUE or VERSION",
           {"CREATE", "KEY", "MODIFY", "VALUE", "VERSION"});
}

absl::StatusOr<pb::RangeRequest> GetFlags::Request(const std::vector<std::string>& arguments) const {
  if (arguments.empty()) {
    return BadArguments("get command needs one argument as key and an optional argument as range_end");
  }
  if (prefix && from_key) return BadArguments(kPrefixAndFromKey);
  if (keys_only && count_only) {
    return BadArguments("`--keys-only` and `--count-only` cannot be set at the same time, choose one");
  }
  if (absl::Status status = CheckConsistency(consistency); !status.ok()) return status;
  if (arguments.size() > 1 && (prefix || from_key)) return BadArguments(kTooManyArguments);
  if (arguments.size() > 2) return BadArguments(fmt::format("unexpected argument {}", Quoted(arguments[2])));
  const absl::StatusOr<pb::RangeRequest::SortOrder> sort_order = SortOrder(order);
  if (!sort_order.ok()) return sort_order.status();
  const absl::StatusOr<pb::RangeRequest::SortTarget> sort_target = SortTarget(sort_by);
  if (!sort_target.ok()) return sort_target.status();
  if (absl::Status status = CheckBounds("create", min_create_revision, max_create_revision); !status.ok())
    return status;
  if (absl::Status status = CheckBounds("mod", min_mod_revision, max_mod_revision); !status.ok())
    return status;

  KeySpan span{.key = arguments[0], .end = arguments.size() > 1 ? arguments[1] : ""};
  if (prefix) span = PrefixSpan(arguments[0]);
  if (from_key) span = FromKeySpan(arguments[0]);
  pb::RangeRequest request;
  request.set_key(span.key);
  request.set_range_end(span.end);
  request.set_limit(limit);
  request.set_revision(Bound(revision));
  request.set_min_create_revision(Bound(min_create_revision));
  request.set_max_create_revision(Bound(max_create_revision));
  request.set_min_mod_revision(Bound(min_mod_revision));
  request.set_max_mod_revision(Bound(max_mod_revision));
  request.set_sort_order(*sort_order);
  request.set_sort_target(*sort_target);
  request.set_serializable(consistency == "s");
  request.set_keys_only(keys_only);
  request.set_count_only(count_only);
  return request;
}

void PutFlags::AddTo(FlagSet& flags) {
  flags.Add("ignore-lease", &ignore_lease, "keep the key's lease")
      .Add("ignore-value", &ignore_value, "keep the key's value")
      .Add("lease", &lease, "lease (in hexadecimal) to attach the key to; 0: none")
      .Add("prev-kv", &prev_kv, "return the key as it was before");
}

absl::StatusOr<pb::PutRequest> PutFlags::Request(const std::vector<std::string>& arguments) const {
  if (arguments.empty())
    return BadArguments("put command needs 1 argument and input from stdin or 2 arguments");
  if (ignore_value && arguments.size() > 1) {
    return BadArguments("put command needs only 1 argument when 'ignore-value' is set");
  }
  if (arguments.size() > 2) {
    return BadArguments(
        fmt::format("unexpected argument {}: a value with spaces needs quotes", Quoted(arguments[2])));
  }
  const absl::StatusOr<std::int64_t> lease_id = LeaseId(lease);
  if (!lease_id.ok()) return lease_id.status();
  pb::PutRequest request;
  request.set_key(arguments[0]);
  if (arguments.size() > 1) request.set_value(arguments[1]);
  request.set_lease(*lease_id);
  request.set_prev_kv(prev_kv);
  request.set_ignore_value(ignore_value);
  request.set_ignore_lease(ignore_lease);
  return request;
}

void DelFlags::AddTo(FlagSet& flags) {
  flags.Add("from-key", &from_key, "delete keys that are greater than or equal to the given key")
      .Add("prefix", &prefix, "delete keys with this prefix")
      .Add("prev-kv", &prev_kv, "return the keys as they were before")
      .Add("range", &range, "delete a range of keys; the same as giving range_end");
}

absl::StatusOr<pb::DeleteRangeRequest> DelFlags::Request(const std::vector<std::string>& arguments) const {
  if (arguments.empty() || arguments.size() > 2) {
    return BadArguments("del command needs one argument as key and an optional argument as range_end");
  }
  if (prefix && from_key) return BadArguments(kPrefixAndFromKey);
  if (arguments.size() > 1 && (prefix || from_key)) return BadArguments(kTooManyArguments);
  if (range && arguments.size() != 2) return BadArguments("--range needs a key and a range_end");
  KeySpan span{.key = arguments[0], .end = arguments.size() > 1 ? arguments[1] : ""};
  if (prefix) span = PrefixSpan(arguments[0]);
  if (from_key) span = FromKeySpan(arguments[0]);
  pb::DeleteRangeRequest request;
  request.set_key(span.key);
  request.set_range_end(span.end);
  request.set_prev_kv(prev_kv);
  return request;
}

void MemberListFlags::AddTo(FlagSet& flags) {
  flags.Add("consistency", &consistency, "l: linearizable, as new as any; s: serializable, may be older",
            {"l", "s"});
}

absl::StatusOr<pb::MemberListRequest> MemberListFlags::Request() const {
  if (absl::Status status = CheckConsistency(consistency); !status.ok()) return status;
  pb::MemberListRequest request;
  request.set_linearizable(consistency == "l");
  return request;
}

}  // namespace cairn::ctl
