#pragma once

#include <absl/status/statusor.h>

#include <string_view>

#include "kv/model/member.h"

namespace cairn::kv {

// The members after a membership entry with this payload: those of its configuration, each with what the
// entry's context (an encoded cairn.kv.v1.MemberDirectory; may be empty) or else `before` says of it. A
// context that is something else adds nothing.
absl::StatusOr<Members> MembersAfter(const Members& before, std::string_view payload);

}  // namespace cairn::kv
