#pragma once

#include <string>

#include "raft/core/core.h"
#include "raft/core/entry.h"
#include "raft/core/member_config.h"
#include "raft/core/message.h"

// How traces say things. An entry is index@term: 7@3.
namespace cairn::raft {

std::string Describe(const EntryId& id);
std::string Describe(const MemberConfig& config);
std::string Describe(const Envelope& envelope);
std::string DescribeRole(const CoreStatus& status);
// Role, log, commit, configuration; for a leader what it knows of its peers.
std::string DescribeMember(const Core& core);

}  // namespace cairn::raft
