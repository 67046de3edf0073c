#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "cmd/cairnctl/flags.h"
#include "cmd/cairnctl/printer.h"

// Flags and arguments of get, put, del and member list, as requests. The commands use them, and so do the
// lines of `txn`.
namespace cairn::ctl {

struct GetFlags {
  std::string consistency = "l";
  std::string order;
  std::string sort_by;
  std::int64_t limit = 0;
  std::int64_t revision = 0;
  bool prefix = false;
  bool from_key = false;
  bool keys_only = false;
  bool count_only = false;
  bool value_only = false;
  std::int64_t min_create_revision = 0;
  std::int64_t max_create_revision = 0;
  std::int64_t min_mod_revision = 0;
  std::int64_t max_mod_revision = 0;

  void AddTo(FlagSet& flags);
  absl::StatusOr<pb::RangeRequest> Request(const std::vector<std::string>& arguments) const;
};

struct PutFlags {
  std::string lease = "0";
  bool prev_kv = false;
  bool ignore_value = false;
  bool ignore_lease = false;

  void AddTo(FlagSet& flags);
  // Whether the value has to come from standard input.
  bool WantsInput(const std::vector<std::string>& arguments) const {
    return arguments.size() == 1 && !ignore_value;
  }
  // REQUIRES: !WantsInput(arguments).
  absl::StatusOr<pb::PutRequest> Request(const std::vector<std::string>& arguments) const;
};

struct DelFlags {
  bool prefix = false;
  bool from_key = false;
  bool prev_kv = false;
  bool range = false;

  void AddTo(FlagSet& flags);
  absl::StatusOr<pb::DeleteRangeRequest> Request(const std::vector<std::string>& arguments) const;
};

struct MemberListFlags {
  std::string consistency = "l";

  void AddTo(FlagSet& flags);
  absl::StatusOr<pb::MemberListRequest> Request() const;
};

// Key and end of the keys with a prefix, or of all from a key on; the empty key means all keys.
struct KeySpan {
  std::string key;
  std::string end;
};
KeySpan PrefixSpan(const std::string& key);
KeySpan FromKeySpan(const std::string& key);

}  // namespace cairn::ctl
