#include "tests/raft/core/test_member.h"

#include <algorithm>
#include <utility>

#include "raft/base/assert.h"
#include "raft/core/core_state.h"

namespace cairn::raft {

TestMember::TestMember(CoreOptions options, MemberConfig config) : options_(options) {
  store_.applied.config = std::move(config);
  store_.flushed = store_.applied;
  disk_.base = store_.applied;
  Restart(options.seed);
}

std::vector<Envelope> TestMember::Perform(const Output& output) {
  if (output.install) install_ = output.install;
  if (output.write) {
    Output write;
    write.write = output.write;
    write.hard_state = output.hard_state;
    write.entries = output.entries;
    writes_.push_back(std::move(write));
  }
  for (const Envelope& envelope : output.send_after_sync) {
    waiting_.push_back({.sync_point = *output.sync_point, .envelope = envelope});
  }
  for (const Entry& entry : output.committed) {
    const Index last = to_apply_.empty() ? store_.applied.last.index : to_apply_.back().id.index;
    CAIRN_ASSERT(entry.id.index == Next(last), "index={} last={}", entry.id.index, last);
    to_apply_.push_back(entry);
  }
  return output.send_now;
}

std::vector<Envelope> TestMember::Sync(std::size_t count) {
  for (std::size_t i = 0; i < count && !writes_.empty(); ++i) {
    const Output write = std::move(writes_.front());
    writes_.pop_front();
    WriteToDisk(write);
    synced_ = *write.write;
    core_->LogPersisted(synced_);
  }
  return TakeReleased();
}

void TestMember::WriteToDisk(const Output& write) {
  if (write.hard_state) disk_.hard_state = *write.hard_state;
  if (write.entries.empty()) return;
  const Index first = write.entries.front().id.index;
  // A write that was begun before the log was replaced changes nothing any more.
  if (first <= disk_.base.last.index) return;
  const std::size_t kept = first.value() - disk_.base.last.index.value() - 1;
  CAIRN_ASSERT(kept <= disk_.entries.size(), "gap in the log: first={}", first);
  disk_.entries.resize(kept);
  disk_.entries.insert(disk_.entries.end(), write.entries.begin(), write.entries.end());
}

std::vector<Envelope> TestMember::TakeReleased() {
  std::vector<Envelope> released;
  std::erase_if(waiting_, [&](Waiting& waiting) {
    if (waiting.sync_point > synced_) return false;
    released.push_back(std::move(waiting.envelope));
    return true;
  });
  return released;
}

void TestMember::Apply(std::size_t count) {
  for (std::size_t i = 0; i < count && !to_apply_.empty(); ++i) {
    const Entry entry = std::move(to_apply_.front());
    to_apply_.pop_front();
    CAIRN_ASSERT(entry.time >= store_.applied.time, "time falls at {}", entry.id.index);
    store_.applied.last = entry.id;
    store_.applied.time = entry.time;
    if (entry.kind == EntryKind::kMembership) {
      store_.applied.config = DecodeMembership(entry.payload.bytes())->config;
    }
  }
  core_->Applied(store_.applied.last.index);
}

void TestMember::InstallStore() {
  CAIRN_ASSERT(install_.has_value(), "nothing to install");
  to_apply_.clear();
  store_.applied = *install_;
  store_.flushed = *install_;
}

void TestMember::FinishInstall() {
  InstallStore();
  // The log's reset is a write behind those under way; all of them are done when it is.
  while (!writes_.empty()) {
    WriteToDisk(writes_.front());
    synced_ = *writes_.front().write;
    writes_.pop_front();
  }
  disk_.base = *install_;
  disk_.entries.clear();
  const Index index = install_->last.index;
  install_.reset();
  core_->LogPersisted(synced_);
  core_->SnapshotInstalled(index);
}

void TestMember::Compact(Index index) {
  CAIRN_ASSERT(index <= store_.flushed.last.index, "index={} flushed={}", index, store_.flushed.last.index);
  core_->CompactLog(index);
  // The disk does things in order: what is still to be written, or to be overwritten, is not released yet.
  for (const Output& write : writes_) {
    if (!write.entries.empty()) index = std::min(index, Previous(write.entries.front().id.index));
  }
  while (disk_.base.last.index < index && !disk_.entries.empty()) {
    const Entry& entry = disk_.entries.front();
    disk_.base.last = entry.id;
    disk_.base.time = entry.time;
    if (entry.kind == EntryKind::kMembership) {
      disk_.base.config = DecodeMembership(entry.payload.bytes())->config;
    }
    disk_.entries.erase(disk_.entries.begin());
  }
}

void TestMember::Crash(std::size_t kept) {
  for (std::size_t i = 0; i < kept && !writes_.empty(); ++i) {
    WriteToDisk(writes_.front());
    writes_.pop_front();
  }
  core_.reset();
  writes_.clear();
  waiting_.clear();
  to_apply_.clear();
  install_.reset();
  store_.applied = store_.flushed;
}

void TestMember::Restart(std::uint64_t seed) {
  CAIRN_ASSERT(core_ == nullptr, "member {} is up", id());
  options_.seed = seed;
  // Entries are applied before they are durable here, and a snapshot moves the store before the log: after a
  // crash the store can be ahead of the log, or beside it. Then the log begins anew after the store.
  if (!(store_.flushed.last == disk_.base.last) && !HasDurably(store_.flushed.last)) {
    disk_.base = store_.flushed;
    disk_.entries.clear();
  }
  if (disk_.base.last.index > store_.flushed.last.index) CAIRN_ASSERT(false, "the store is behind the log");
  core_ = std::make_unique<Core>(options_, RestoredState{.hard_state = disk_.hard_state,
                                                         .base = disk_.base,
                                                         .entries = disk_.entries,
                                                         .applied = store_.flushed.last.index});
  invariants_ = std::make_unique<MemberInvariants>();
  synced_ = WriteNumber{};
}

void TestMember::Preload(HardState hard_state, std::vector<Entry> entries) {
  CAIRN_ASSERT(!up(), "member {} is up", id());
  disk_.hard_state = hard_state;
  disk_.entries = std::move(entries);
}

bool TestMember::HasDurably(const EntryId& id) const {
  // What stands before the base is committed, and nothing else was ever there.
  if (id.index <= disk_.base.last.index) return true;
  const std::size_t place = id.index.value() - disk_.base.last.index.value() - 1;
  return place < disk_.entries.size() && disk_.entries[place].id == id;
}

EntryId TestMember::durable_last() const {
  return disk_.entries.empty() ? disk_.base.last : disk_.entries.back().id;
}

}  // namespace cairn::raft
