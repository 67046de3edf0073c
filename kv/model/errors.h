#pragma once

#include <absl/status/status.h>

// Every refusal that an etcd client knows, with etcd's code and text byte for byte: clients match on the
// text. Codes of absl::Status and gRPC have the same numbers.
namespace cairn::kv::errors {

absl::Status EmptyKey();
absl::Status KeyNotFound();
absl::Status ValueProvided();
absl::Status LeaseProvided();
absl::Status TooManyOps();
absl::Status DuplicateKey();
absl::Status InvalidSortOption();
absl::Status RequestTooLarge();
absl::Status Compacted();
absl::Status FutureRevision();
absl::Status LeaseNotFound();
absl::Status NoSpace();
absl::Status NoLeader();
absl::Status NotLeader();
absl::Status BadLeaderTransferee();
absl::Status LeaderChanged();
absl::Status Stopped();
absl::Status Timeout();
absl::Status TimeoutLeaderFailure();   // A proposal older than the present leader's election.
absl::Status TimeoutConnectionLost();  // Leader or quorum was unreachable.
absl::Status TimeoutWaitAppliedIndex();
absl::Status TooManyRequests();  // UNKNOWN on the wire, as etcd sends it.
absl::Status Unhealthy();
absl::Status Corrupt();
absl::Status MemberNotFound();

// --- Not for clients ---

// A read would look at more keys than its caller allows (ReadLimits::max_keys): to be done elsewhere, or not
// at all; or its caller has abandoned it. Nothing else a read answers equals it.
absl::Status TooMuchForNow();

}  // namespace cairn::kv::errors
