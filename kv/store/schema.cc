#include "kv/store/schema.h"

#include <fmt/format.h>

#include "kv/model/wire.h"
#include "raft/base/assert.h"
#include "raft/base/status.h"

namespace cairn::kv::schema {
namespace {

constexpr std::size_t kRevisionBytes = 12;
constexpr std::uint8_t kDeletionBit = 1;
constexpr std::uint8_t kPreviousBit = 2;

// A user key may contain any byte. Zero is written as 00 ff and the end as 00 01, so that rows sort like keys
// and no row is a prefix of another key's row.
constexpr char kEscaped = '\xff';
constexpr std::string_view kEnd("\0\x01", 2);
constexpr std::string_view kAfterEnd("\0\x02", 2);

void AppendBigEndian(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

std::uint64_t BigEndian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<std::uint8_t>(byte);
  return value;
}

void AppendId(std::string& out, RevisionId id) {
  CAIRN_ASSERT(id.sub >= 0 && id.sub <= kSubMax, "sub revision {} of {}", id.sub, id.main);
  AppendBigEndian(out, static_cast<std::uint64_t>(id.main.value()), 8);
  AppendBigEndian(out, static_cast<std::uint64_t>(id.sub), 4);
}

RevisionId IdOf(std::string_view bytes) {
  return {.main = Revision{static_cast<std::int64_t>(BigEndian(bytes.substr(0, 8)))},
          .sub = static_cast<std::int64_t>(BigEndian(bytes.substr(8, 4)))};
}

absl::Status Damaged(std::string_view what, std::string_view value) {
  return absl::DataLossError(fmt::format("store: {} of {} bytes cannot be decoded", what, value.size()));
}

void AppendEscaped(std::string& out, std::string_view user_key) {
  for (std::size_t zero = user_key.find('\0'); zero != std::string_view::npos; zero = user_key.find('\0')) {
    out.append(user_key.substr(0, zero + 1));
    out.push_back(kEscaped);
    user_key.remove_prefix(zero + 1);
  }
  out.append(user_key);
}

std::string EscapedKey(std::string_view user_key, std::string_view end, std::size_t room) {
  std::string out;
  out.reserve(user_key.size() + end.size() + room);
  AppendEscaped(out, user_key);
  out.append(end);
  return out;
}

// Hand-written messages of numbers: calls `set(field, value)`, false if `bytes` are not such a message.
template <typename Set>
bool DecodeNumbers(std::string_view bytes, Set&& set) {
  wire::Reader reader(bytes);
  while (reader.Next()) {
    if (reader.type() != wire::Type::kVarint) return false;
    set(reader.field(), static_cast<std::int64_t>(reader.varint()));
  }
  return reader.ok();
}

}  // namespace

std::string RevisionKey(RevisionId id) {
  std::string out;
  out.reserve(kRevisionBytes);
  AppendId(out, id);
  return out;
}

absl::StatusOr<RevisionId> DecodeRevisionKey(std::string_view key) {
  if (key.size() != kRevisionBytes) return Damaged("revision key", key);
  return IdOf(key);
}

std::string ChangeHead(ChangeKind kind, std::optional<RevisionId> previous) {
  std::string out;
  out.push_back(
      static_cast<char>((kind == ChangeKind::kDeletion ? kDeletionBit : 0) | (previous ? kPreviousBit : 0)));
  if (previous) AppendId(out, *previous);
  return out;
}

absl::StatusOr<Change> DecodeChange(std::string_view value) {
  if (value.empty()) return Damaged("change", value);
  const auto type = static_cast<std::uint8_t>(value.front());
  if (type > (kDeletionBit | kPreviousBit)) return Damaged("change of an unknown type", value);
  Change change{.deletion = (type & kDeletionBit) != 0, .previous = std::nullopt, .record = value.substr(1)};
  if ((type & kPreviousBit) != 0) {
    if (change.record.size() < kRevisionBytes) return Damaged("change", value);
    change.previous = IdOf(change.record);
    change.record.remove_prefix(kRevisionBytes);
  }
  return change;
}

std::string LatestKey(std::string_view user_key) { return EscapedKey(user_key, kEnd, 0); }

std::string HistoryKey(std::string_view user_key, RevisionId id) {
  std::string out = EscapedKey(user_key, kEnd, kRevisionBytes);
  AppendBigEndian(out, ~static_cast<std::uint64_t>(id.main.value()), 8);
  AppendBigEndian(out, ~static_cast<std::uint64_t>(id.sub), 4);
  return out;
}

std::string IndexLower(std::string_view user_key) { return EscapedKey(user_key, {}, 0); }
std::string IndexAfter(std::string_view user_key) { return EscapedKey(user_key, kAfterEnd, 0); }

absl::StatusOr<std::string_view> UserKeyOf(std::string_view row, std::string& scratch) {
  std::size_t zero = row.find('\0');
  if (zero == std::string_view::npos || zero + 1 >= row.size()) return Damaged("index key", row);
  if (row[zero + 1] == kEnd[1]) return row.substr(0, zero);  // Nothing was escaped.
  scratch.clear();
  std::string_view rest = row;
  while (zero != std::string_view::npos && zero + 1 < rest.size()) {
    scratch.append(rest.substr(0, zero));
    if (rest[zero + 1] == kEnd[1]) return std::string_view(scratch);
    scratch.push_back('\0');
    rest.remove_prefix(zero + 2);
    zero = rest.find('\0');
  }
  return Damaged("index key", row);
}

std::string EncodeVersion(const VersionInfo& info) {
  std::string out;
  wire::AppendInt(out, 1, info.id.main.value());
  wire::AppendInt(out, 2, info.id.sub);
  wire::AppendInt(out, 3, info.create.value());
  wire::AppendInt(out, 4, info.version);
  wire::AppendInt(out, 5, info.lease.value());
  wire::AppendInt(out, 6, info.deletion ? 1 : 0);
  return out;  // 7 is kept for the hash of the record (state digest).
}

absl::StatusOr<VersionInfo> DecodeVersion(std::string_view value) {
  VersionInfo info;
  const bool decoded = DecodeNumbers(value, [&info](std::uint32_t field, std::int64_t number) {
    if (field == 1) info.id.main = Revision{number};
    if (field == 2) info.id.sub = number;
    if (field == 3) info.create = Revision{number};
    if (field == 4) info.version = number;
    if (field == 5) info.lease = LeaseId{number};
    if (field == 6) info.deletion = number != 0;
  });
  if (!decoded || info.id.main.value() == 0) return Damaged("index entry", value);
  return info;
}

std::string EncodeState(const State& state) {
  std::string out;
  wire::AppendInt(out, 1, static_cast<std::int64_t>(state.applied.index.value()));
  wire::AppendInt(out, 2, static_cast<std::int64_t>(state.applied.term.value()));
  wire::AppendInt(out, 3, static_cast<std::int64_t>(state.time.value()));
  wire::AppendInt(out, 4, state.revision.value());
  wire::AppendInt(out, 5, state.live_keys);
  return out;
}

absl::StatusOr<State> DecodeState(std::string_view value) {
  State state{.applied = {}, .time = {}, .revision = Revision{0}, .live_keys = 0};
  const bool decoded = DecodeNumbers(value, [&state](std::uint32_t field, std::int64_t number) {
    if (field == 1) state.applied.index = raft::Index{static_cast<std::uint64_t>(number)};
    if (field == 2) state.applied.term = raft::Term{static_cast<std::uint64_t>(number)};
    if (field == 3) state.time = ClusterTime{static_cast<std::uint64_t>(number)};
    if (field == 4) state.revision = Revision{number};
    if (field == 5) state.live_keys = number;
  });
  if (!decoded || state.revision < kFirstRevision || state.live_keys < 0) return Damaged("state row", value);
  return state;
}

std::string EncodeRevision(Revision revision) {
  std::string out;
  AppendBigEndian(out, static_cast<std::uint64_t>(revision.value()), 8);
  return out;
}

absl::StatusOr<Revision> DecodeRevision(std::string_view value) {
  if (value.size() != 8) return Damaged("revision", value);
  return Revision{static_cast<std::int64_t>(BigEndian(value))};
}

std::string EncodeCompaction(const Compaction& compaction) {
  std::string out;
  AppendBigEndian(out, static_cast<std::uint64_t>(compaction.done.value()), 8);
  AppendBigEndian(out, static_cast<std::uint64_t>(compaction.target.value()), 8);
  AppendId(out, compaction.next);
  return out;
}

absl::StatusOr<Compaction> DecodeCompaction(std::string_view value) {
  if (value.size() != 16 + kRevisionBytes) return Damaged("compaction row", value);
  return Compaction{.done = Revision{static_cast<std::int64_t>(BigEndian(value.substr(0, 8)))},
                    .target = Revision{static_cast<std::int64_t>(BigEndian(value.substr(8, 8)))},
                    .next = IdOf(value.substr(16))};
}

}  // namespace cairn::kv::schema
