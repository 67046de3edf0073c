#include "tests/sim/toy_machine.h"

#include <fmt/format.h>

#include <charconv>
#include <sstream>
#include <utility>
#include <vector>

#include "raft/base/assert.h"
#include "raft/base/status.h"

namespace cairn::sim {
namespace {

using raft::ApplyItem;
using raft::EntryKind;
using raft::Index;
using raft::SnapshotMeta;

class ToySource final : public raft::SnapshotSource {
 public:
  explicit ToySource(const ToyState& state)
      : meta_(state.meta), bytes_(EncodeToyState(state)), files_{{.name = "state", .size = bytes_.size()}} {}
  const SnapshotMeta& meta() const override { return meta_; }
  const std::vector<FileInfo>& files() const override { return files_; }
  const std::string& manifest() const override { return manifest_; }
  absl::Status Read(std::size_t, std::uint64_t offset, std::size_t length, std::string& out) override {
    out = bytes_.substr(offset, length);
    return absl::OkStatus();
  }

 private:
  SnapshotMeta meta_;
  std::string bytes_;
  std::vector<FileInfo> files_;
  std::string manifest_ = "toy";
};

class ToySink final : public raft::SnapshotSink {
 public:
  explicit ToySink(SnapshotMeta meta) : meta_(std::move(meta)) {}
  const SnapshotMeta& meta() const override { return meta_; }
  Position next() const override { return {.file = 0, .offset = bytes_.size()}; }
  absl::Status Write(Position, std::string_view bytes) override {
    bytes_.append(bytes);
    return absl::OkStatus();
  }
  absl::Status Finish() override {
    CAIRN_ASSIGN_OR_RETURN(state, DecodeToyState(bytes_));
    if (state.meta.last != meta_.last)
      return absl::DataLossError("the content is not what the meta data says");
    return absl::OkStatus();
  }
  ToyState state;

 private:
  SnapshotMeta meta_;
  std::string bytes_;
};

std::optional<std::pair<std::string, std::string>> ParsePut(std::string_view command) {
  const std::size_t split = command.find('=');
  if (split == std::string_view::npos) return std::nullopt;
  return std::pair(std::string(command.substr(0, split)), std::string(command.substr(split + 1)));
}

}  // namespace

// One word per field, the configuration as the log carries it, in hexadecimal.
std::string EncodeToyState(const ToyState& state) {
  std::string config;
  for (const unsigned char byte : raft::EncodeMembership({.config = state.meta.config, .context = {}})) {
    config += fmt::format("{:02x}", byte);
  }
  std::string out = fmt::format("{} {} {} {} {}", state.meta.last.term, state.meta.last.index,
                                state.meta.time, config, state.cells.size());
  for (const auto& [key, cell] : state.cells) out += fmt::format(" {} {} {}", key, cell.value, cell.version);
  return out;
}

absl::StatusOr<ToyState> DecodeToyState(std::string_view bytes) {
  std::istringstream in{std::string(bytes)};
  std::uint64_t term = 0;
  std::uint64_t index = 0;
  std::uint64_t time = 0;
  std::string hex;
  std::size_t cells = 0;
  in >> term >> index >> time >> hex >> cells;
  std::string config;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    int byte = 0;
    std::from_chars(&hex[i], &hex[i] + 2, byte, 16);
    config.push_back(static_cast<char>(byte));
  }
  CAIRN_ASSIGN_OR_RETURN(raft::Membership membership, raft::DecodeMembership(config));
  ToyState state;
  state.meta = {.last = {.term = raft::Term{term}, .index = Index{index}},
                .config = std::move(membership.config),
                .time = ClusterTime{time}};
  for (; cells > 0; --cells) {
    std::string key;
    Cell cell;
    in >> key >> cell.value >> cell.version;
    state.cells.emplace(std::move(key), std::move(cell));
  }
  if (in.fail()) return absl::DataLossError("a toy state that ends early");
  return state;
}

Payload PutCommand(std::string_view key, std::string_view value) {
  return Payload::FromString(fmt::format("{}={}", key, value));
}

SnapshotMeta ToyMachine::recovered() const {
  const absl::MutexLock lock(&mutex_);
  return state_.meta;
}

absl::Status ToyMachine::Apply(std::span<ApplyItem> items) {
  const absl::MutexLock lock(&mutex_);
  for (ApplyItem& item : items) {
    if (fail_from_ && item.entry.id.index >= *fail_from_) return absl::InternalError("told to fail");
    ApplyOne(item);
  }
  return absl::OkStatus();
}

void ToyMachine::ApplyOne(ApplyItem& item) {
  const raft::Entry& entry = item.entry;
  CAIRN_ASSERT(entry.id.index == Next(state_.meta.last.index), "applying {} after {}", entry.id.index,
               state_.meta.last.index);
  CAIRN_ASSERT(entry.time >= state_.meta.time, "time fell at index={}", entry.id.index);
  state_.meta.last = entry.id;
  state_.meta.time = entry.time;
  unflushed_ += entry.payload.size();
  std::optional<std::pair<std::string, Cell>> change;
  if (entry.kind == EntryKind::kMembership) {
    absl::StatusOr<raft::Membership> membership = raft::DecodeMembership(entry.payload.bytes());
    CAIRN_ASSERT(membership.ok(), "index={}", entry.id.index);
    state_.meta.config = membership->config;
  } else if (entry.kind == EntryKind::kCommand) {
    if (auto put = ParsePut(entry.payload.bytes())) {
      Cell& cell = state_.cells[put->first];
      cell.value = std::move(put->second);
      ++cell.version;
      change.emplace(put->first, cell);
    }
  }
  if (observer_) observer_(entry, change);
  if (item.done) item.Answer(std::make_unique<PutResult>(change ? change->second.version : 0));
}

void ToyMachine::StartFlush() {
  ToyState copy = state();
  later_([this, copy] {
    const absl::MutexLock lock(&mutex_);
    // A snapshot that was installed meanwhile is newer.
    if (copy.meta.last.index <= disk_.state.meta.last.index) return;
    disk_.state = copy;
    unflushed_ = 0;
  });
}

raft::EntryId ToyMachine::flushed() const {
  const absl::MutexLock lock(&mutex_);
  return disk_.state.meta.last;
}

std::uint64_t ToyMachine::unflushed_bytes() const {
  const absl::MutexLock lock(&mutex_);
  return unflushed_;
}

absl::StatusOr<std::unique_ptr<raft::SnapshotSource>> ToyMachine::OpenSnapshot() {
  const absl::MutexLock lock(&mutex_);
  return std::make_unique<ToySource>(disk_.state);
}

absl::StatusOr<std::unique_ptr<raft::SnapshotSink>> ToyMachine::ReceiveSnapshot(const SnapshotMeta& meta,
                                                                                std::string_view) {
  return std::make_unique<ToySink>(meta);
}

absl::Status ToyMachine::Install(std::unique_ptr<raft::SnapshotSink> sink) {
  const absl::MutexLock lock(&mutex_);
  state_ = std::move(static_cast<ToySink&>(*sink).state);
  disk_.state = state_;
  unflushed_ = 0;
  return absl::OkStatus();
}

Cell ToyMachine::Read(const std::string& key) const {
  const absl::MutexLock lock(&mutex_);
  const auto found = state_.cells.find(key);
  return found == state_.cells.end() ? Cell{} : found->second;
}

ToyState ToyMachine::state() const {
  const absl::MutexLock lock(&mutex_);
  return state_;
}

void ToyMachine::FailApplyFrom(Index index) {
  const absl::MutexLock lock(&mutex_);
  fail_from_ = index;
}

}  // namespace cairn::sim
