#include "kv/store/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "kv/model/errors.h"
#include "kv/model/key_value.h"
#include "kv/store/crc32c.h"
#include "kv/store/range_query.h"
#include "kv/store/schema.h"
#include "raft/base/checksum.h"
#include "raft/base/probe.h"
#include "raft/base/status.h"

namespace cairn::kv {
namespace {

// A row's cost beside its record: many small changes take time as well.
constexpr std::size_t kRowBytes = 32;

// Calls `take(id, change, kv)` for each change from `from` to the end of revision `to`, until it returns
// false.
template <typename Take>
absl::Status ForEachChange(const View& view, RevisionId from, Revision to, Take&& take) {
  const std::string lower = schema::RevisionKey(std::max(from, RevisionId{}));
  const auto cursor = view.kv().NewCursor(
      Family::kRevisions, {.lower = lower, .upper = schema::RevisionKey({.main = Next(to), .sub = 0})},
      view.snapshot());
  for (cursor->Seek(lower); cursor->Valid(); cursor->Next()) {
    CAIRN_ASSIGN_OR_RETURN(const RevisionId id, schema::DecodeRevisionKey(cursor->key()));
    CAIRN_ASSIGN_OR_RETURN(const schema::Change change, schema::DecodeChange(cursor->value()));
    const std::optional<KeyValueView> kv = DecodeKeyValue(change.record);
    if (!kv)
      return absl::DataLossError(
          fmt::format("store: the record {}.{} is not a key and value", id.main, id.sub));
    CAIRN_ASSIGN_OR_RETURN(const bool go_on, take(id, change, *kv));
    if (!go_on) return absl::OkStatus();
  }
  return cursor->status();
}

Event MakeEvent(RevisionId id, const schema::Change& change) {
  auto bytes = std::make_shared<const std::string>(change.record);
  const std::string_view record = *bytes;
  return {.id = id,
          .deletion = change.deletion,
          .record = Payload::FromParts(std::move(bytes), record, Checksum(record)),
          .key = DecodeKeyValue(record)->key,
          .previous = change.previous};
}

}  // namespace

absl::StatusOr<HistoryChunk> ReadHistoryOf(const View& view, RevisionId from, const KeyRange* range,
                                           const HistoryLimits& limits) {
  if (from.main < view.compacted()) return errors::Compacted();
  HistoryChunk chunk{.next = {.main = Next(view.current())}};
  std::shared_ptr<RevisionEvents> open;  // The last of `chunk.revisions`, still growing.
  std::optional<Revision> revision;      // The one looked at.
  std::size_t revisions = 0;
  std::size_t bytes = 0;
  std::size_t revision_bytes = 0;
  CAIRN_RETURN_IF_ERROR(ForEachChange(
      view, from, view.current(),
      [&](RevisionId id, const schema::Change& change, const KeyValueView& kv) -> absl::StatusOr<bool> {
        if (revision != id.main) {
          if (revision && (revisions >= limits.revisions || bytes >= limits.bytes)) {
            chunk.next = {.main = id.main};
            return false;
          }
          revision = id.main;
          ++revisions;
          revision_bytes = 0;
        } else if (revision_bytes >= limits.revision_bytes) {
          chunk.next = id;
          return false;
        }
        bytes += kRowBytes + change.record.size();
        revision_bytes += kRowBytes + change.record.size();
        if (range != nullptr && !range->Contains(kv.key)) return true;
        if (open == nullptr || open->revision != id.main) {
          open = std::make_shared<RevisionEvents>(RevisionEvents{.revision = id.main, .events = {}});
          chunk.revisions.push_back(open);
        }
        open->events.push_back(MakeEvent(id, change));
        return true;
      }));
  if (chunk.next.sub != 0) CAIRN_PROBE("history_read_ends_inside_a_revision");
  return chunk;
}

absl::StatusOr<Reader::Hash> HashHistory(const View& view, Revision revision) {
  const Revision compacted = view.compacted();
  CAIRN_RETURN_IF_ERROR(CheckReadable(revision, view.current(), compacted));
  if (revision.value() <= 0) revision = view.current();
  CAIRN_ASSIGN_OR_RETURN(const schema::Compaction physical,
                         ReadMeta(view.kv(), schema::kCompactionRow, schema::DecodeCompaction,
                                  schema::Compaction{}, view.snapshot()));
  // What the mark has made dead may still be there: members remove it at their own pace, and the hash must
  // not show it. Once this member has removed everything, what is there is what counts.
  const bool all_removed = physical.done == compacted;
  std::uint32_t hash = 0;
  CAIRN_RETURN_IF_ERROR(ForEachChange(
      view, RevisionId{}, revision,
      [&](RevisionId id, const schema::Change& change, const KeyValueView& kv) -> absl::StatusOr<bool> {
        if (!all_removed && id.main <= compacted) {
          if (change.deletion) {
            if (id.main < compacted) return true;
          } else {
            CAIRN_ASSIGN_OR_RETURN(const std::optional<VersionInfo> newest,
                                   view.Lookup(kv.key, schema::EndOf(compacted)));
            if (!newest || newest->id != id) return true;
          }
        }
        hash = ExtendCrc32c(hash, schema::RevisionKey(id));
        hash = ExtendCrc32c(hash, change.deletion ? "-" : "+");
        hash = ExtendCrc32c(hash, change.record);
        return true;
      }));
  return Reader::Hash{.hash = hash, .current = view.current(), .hashed = revision, .compacted = compacted};
}

}  // namespace cairn::kv
