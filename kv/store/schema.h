#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kv/model/member.h"
#include "kv/model/revision.h"
#include "kv/store/key_table.h"
#include "raft/core/entry.h"

// What the families of the store hold, byte by byte. The page that draws it: kv/store/README.md.
namespace cairn::kv::schema {

inline constexpr std::int64_t kFormat = 1;
inline constexpr std::int64_t kSubMax = 0xffffffff;  // A sub revision has four bytes.

// The greatest id of a revision: "state at revision R" is the state after all of its changes.
constexpr RevisionId EndOf(Revision revision) { return {.main = revision, .sub = kSubMax}; }

// --- revisions: id -> how it came about and the record ---

std::string RevisionKey(RevisionId id);
// Data loss for a key of another length.
absl::StatusOr<RevisionId> DecodeRevisionKey(std::string_view key);

// One type byte (1: a deletion, 2: there is a previous version), the id of the live version that was replaced
// if there was one, and the record: an encoded mvccpb.KeyValue.
struct Change {
  bool deletion = false;
  std::optional<RevisionId> previous;
  std::string_view record;
};
// The change's value up to, without, the record.
enum class ChangeKind : std::uint8_t { kPut, kDeletion };
std::string ChangeHead(ChangeKind kind, std::optional<RevisionId> previous);
absl::StatusOr<Change> DecodeChange(std::string_view value);

// --- index: (user key, nothing) -> newest version; (user key, descending id) -> an older version ---

std::string LatestKey(std::string_view user_key);
std::string HistoryKey(std::string_view user_key, RevisionId id);
// Below every row of keys from `user_key` on.
std::string IndexLower(std::string_view user_key);
// Above every row of `user_key`, below those of all greater keys.
std::string IndexAfter(std::string_view user_key);

// The user key of a row; `scratch` holds it if it had to be unescaped.
absl::StatusOr<std::string_view> UserKeyOf(std::string_view row, std::string& scratch);

std::string EncodeVersion(const VersionInfo& info);
absl::StatusOr<VersionInfo> DecodeVersion(std::string_view value);

// --- meta ---

inline constexpr std::string_view kStateRow = "state";
inline constexpr std::string_view kFormatRow = "format";
inline constexpr std::string_view kCompactedRow = "compacted";
inline constexpr std::string_view kCompactionRow = "compaction";
inline constexpr std::string_view kWatermarkRow = "watermark";
inline constexpr std::string_view kMembersRow = "members";

// Written with every batch: where the state stands.
struct State {
  raft::EntryId applied;
  ClusterTime time;
  Revision revision = kFirstRevision;
  std::int64_t live_keys = 0;

  friend bool operator==(const State&, const State&) = default;
};
std::string EncodeState(const State& state);
absl::StatusOr<State> DecodeState(std::string_view value);

std::string EncodeRevision(Revision revision);
absl::StatusOr<Revision> DecodeRevision(std::string_view value);

// How far the physical removal of history has come.
struct Compaction {
  Revision done = kNeverCompacted;    // Removed as of this mark.
  Revision target = kNeverCompacted;  // The mark it works towards; `done` when idle.
  RevisionId next{};                  // Working: the first record it has not looked at.

  friend bool operator==(const Compaction&, const Compaction&) = default;
};
std::string EncodeCompaction(const Compaction& compaction);
absl::StatusOr<Compaction> DecodeCompaction(std::string_view value);

std::string EncodeMembers(const Members& members);
absl::StatusOr<Members> DecodeMembers(std::string_view value);

}  // namespace cairn::kv::schema
