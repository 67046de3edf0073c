#include "tests/sim/sim_disk.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "raft/base/assert.h"
#include "raft/base/rng.h"
#include "raft/base/status.h"

namespace cairn::raft {
namespace {

// A write that is not synced. Zeroes (from Allocate) are not stored.
struct PendingWrite {
  std::uint64_t sequence = 0;
  std::uint64_t offset = 0;
  std::string bytes;
  std::optional<std::uint64_t> resize;  // A change of the size instead.
};

void Overwrite(std::string& contents, std::uint64_t offset, std::string_view bytes) {
  if (contents.size() < offset + bytes.size()) contents.resize(offset + bytes.size());
  contents.replace(offset, bytes.size(), bytes);
}

void ApplyWrite(std::string& contents, const PendingWrite& write) {
  if (write.resize) {
    contents.resize(*write.resize);
  } else {
    Overwrite(contents, write.offset, write.bytes);
  }
}

}  // namespace

struct SimDisk::Inode {
  std::string live;
  std::string durable;
  std::vector<PendingWrite> pending;

  void Add(PendingWrite write) {
    ApplyWrite(live, write);
    pending.push_back(std::move(write));
  }
};

struct SimDisk::NameChange {
  Kind kind;
  std::string from;
  std::string to;                // Of a rename.
  std::shared_ptr<Inode> inode;  // Of a creation.
};

class SimDisk::SimFile final : public File {
 public:
  SimFile(SimDisk& disk, std::string name, std::shared_ptr<Inode> inode)
      : disk_(disk), name_(std::move(name)), inode_(std::move(inode)), epoch_(disk.epoch_) {}

  absl::Status WriteAt(std::uint64_t offset, std::span<const std::string_view> pieces) override {
    CAIRN_RETURN_IF_ERROR(Usable());
    std::string bytes;
    for (std::string_view piece : pieces) bytes += piece;
    const auto [fate, status] = disk_.Begin(Kind::kWrite, name_, bytes.size());
    if (fate == Fate::kFails) return status;
    CAIRN_RETURN_IF_ERROR(Room(offset + bytes.size()));
    inode_->Add({.sequence = disk_.sequence_++, .offset = offset, .bytes = std::move(bytes), .resize = {}});
    return status;
  }

  absl::Status ReadAt(std::uint64_t offset, std::size_t length, std::string& out) const override {
    CAIRN_RETURN_IF_ERROR(Usable());
    out = offset < inode_->live.size() ? inode_->live.substr(offset, length) : "";
    return absl::OkStatus();
  }

  absl::Status Sync() override {
    CAIRN_RETURN_IF_ERROR(Usable());
    const auto [fate, status] = disk_.Begin(Kind::kSync, name_);
    if (fate == Fate::kCrashes) return status;
    if (fate == Fate::kDone) {
      for (const PendingWrite& write : inode_->pending) ApplyWrite(inode_->durable, write);
    }
    inode_->pending.clear();
    return status;
  }

  absl::Status Allocate(std::uint64_t size) override {
    CAIRN_RETURN_IF_ERROR(Usable());
    const auto [fate, status] = disk_.Begin(Kind::kAllocate, name_);
    if (fate == Fate::kFails) return status;
    CAIRN_RETURN_IF_ERROR(Room(size));
    const std::uint64_t kept = std::max<std::uint64_t>(size, inode_->live.size());
    const std::uint64_t old = std::min<std::uint64_t>(size, inode_->live.size());
    inode_->Add({.sequence = disk_.sequence_++, .offset = 0, .bytes = std::string(old, '\0'), .resize = {}});
    inode_->Add({.sequence = disk_.sequence_++, .offset = 0, .bytes = {}, .resize = kept});
    return status;
  }

  absl::Status Truncate(std::uint64_t size) override {
    CAIRN_RETURN_IF_ERROR(Usable());
    const auto [fate, status] = disk_.Begin(Kind::kTruncate, name_);
    if (fate == Fate::kFails) return status;
    CAIRN_RETURN_IF_ERROR(Room(size));
    inode_->Add({.sequence = disk_.sequence_++, .offset = 0, .bytes = {}, .resize = size});
    return status;
  }

  [[nodiscard]] absl::StatusOr<std::uint64_t> Size() const override {
    CAIRN_RETURN_IF_ERROR(Usable());
    return inode_->live.size();
  }

  [[nodiscard]] const std::string& name() const override { return name_; }

 private:
  [[nodiscard]] absl::Status Usable() const {
    if (epoch_ != disk_.epoch_) return absl::AbortedError(name_ + ": opened by a process that is gone");
    return disk_.Alive();
  }
  [[nodiscard]] absl::Status Room(std::uint64_t size) const {
    const std::uint64_t growth = size > inode_->live.size() ? size - inode_->live.size() : 0;
    if (growth > 0 && disk_.UsedBytes() + growth > disk_.capacity_) {
      return absl::ResourceExhaustedError(name_ + ": No space left on device");
    }
    return absl::OkStatus();
  }

  SimDisk& disk_;
  std::string name_;
  std::shared_ptr<Inode> inode_;
  std::uint64_t epoch_;
};

SimDisk::SimDisk(std::uint64_t page_bytes) : page_bytes_(page_bytes) {}
SimDisk::~SimDisk() = default;

std::unique_ptr<SimDisk> SimDisk::Clone() const {
  std::map<const Inode*, std::shared_ptr<Inode>> copies;
  const auto copy_of = [&](const std::shared_ptr<Inode>& inode) {
    std::shared_ptr<Inode>& copy = copies[inode.get()];
    if (copy == nullptr && inode != nullptr) copy = std::make_shared<Inode>(*inode);
    return copy;
  };
  auto clone = std::make_unique<SimDisk>(page_bytes_);
  clone->capacity_ = capacity_;
  clone->epoch_ = epoch_;
  clone->sequence_ = sequence_;
  clone->dead_ = dead_;
  clone->crash_at_ = crash_at_;
  clone->failures_ = failures_;
  clone->operations_ = operations_;
  for (const auto& [name, inode] : live_) clone->live_[name] = copy_of(inode);
  for (const auto& [name, inode] : durable_) clone->durable_[name] = copy_of(inode);
  clone->unsynced_names_ = unsynced_names_;
  for (NameChange& change : clone->unsynced_names_) change.inode = copy_of(change.inode);
  return clone;
}

absl::Status SimDisk::Alive() const {
  return dead_ ? absl::AbortedError("the power is gone") : absl::OkStatus();
}

SimDisk::Verdict SimDisk::Begin(Kind kind, std::string_view name, std::uint64_t bytes) {
  const std::uint64_t number = operations_.size();
  operations_.push_back({.kind = kind, .name = std::string(name), .bytes = bytes});
  if (crash_at_ && number >= *crash_at_) {
    dead_ = true;
    return {Fate::kCrashes, Alive()};
  }
  if (const auto failure = failures_.find(number); failure != failures_.end()) {
    return {Fate::kFails, failure->second};
  }
  return {Fate::kDone, absl::OkStatus()};
}

std::uint64_t SimDisk::UsedBytes() const {
  std::uint64_t sum = 0;
  for (const auto& [name, inode] : live_) sum += inode->live.size();
  return sum;
}

std::uint64_t SimDisk::unsynced_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& [name, inode] : live_) {
    for (const PendingWrite& write : inode->pending) sum += write.bytes.size();
  }
  return sum;
}

const std::string& SimDisk::Contents(std::string_view name) const {
  const auto found = live_.find(name);
  CAIRN_ASSERT(found != live_.end(), "no file {}", name);
  return found->second->live;
}

void SimDisk::Put(std::string_view name, std::string contents) {
  auto inode = std::make_shared<Inode>();
  inode->live = inode->durable = std::move(contents);
  live_[std::string(name)] = inode;
  durable_[std::string(name)] = inode;
}

void SimDisk::FlipBit(std::string_view name, std::uint64_t offset, int bit) {
  const auto found = live_.find(name);
  CAIRN_ASSERT(found != live_.end(), "no file {}", name);
  for (std::string* contents : {&found->second->live, &found->second->durable}) {
    if (offset < contents->size()) {
      (*contents)[offset] = static_cast<char>((*contents)[offset] ^ (1 << bit));
    }
  }
}

absl::StatusOr<std::unique_ptr<File>> SimDisk::Open(std::string_view name, OpenOptions options) {
  CAIRN_RETURN_IF_ERROR(Alive());
  CAIRN_ASSERT(name.find('/') == std::string_view::npos, "name={}", name);
  auto found = live_.find(name);
  if (found != live_.end() && options.exclusive) {
    return absl::AlreadyExistsError(fmt::format("{}: File exists", name));
  }
  if (found == live_.end()) {
    if (!options.create) return absl::NotFoundError(fmt::format("{}: No such file or directory", name));
    const auto [fate, status] = Begin(Kind::kCreate, name);
    if (fate == Fate::kFails) return status;
    const NameChange change{Kind::kCreate, std::string(name), "", std::make_shared<Inode>()};
    ApplyName(live_, change);
    unsynced_names_.push_back(change);
    if (fate == Fate::kCrashes) return status;
    found = live_.find(name);
  }
  return std::make_unique<SimFile>(*this, std::string(name), found->second);
}

absl::Status SimDisk::Rename(std::string_view from, std::string_view to) {
  CAIRN_RETURN_IF_ERROR(Alive());
  if (!live_.contains(from)) return absl::NotFoundError(fmt::format("{}: No such file or directory", from));
  const auto [fate, status] = Begin(Kind::kRename, from);
  if (fate == Fate::kFails) return status;
  unsynced_names_.push_back({Kind::kRename, std::string(from), std::string(to), nullptr});
  ApplyName(live_, unsynced_names_.back());
  return status;
}

absl::Status SimDisk::Remove(std::string_view name) {
  CAIRN_RETURN_IF_ERROR(Alive());
  if (!live_.contains(name)) return absl::NotFoundError(fmt::format("{}: No such file or directory", name));
  const auto [fate, status] = Begin(Kind::kRemove, name);
  if (fate == Fate::kFails) return status;
  unsynced_names_.push_back({Kind::kRemove, std::string(name), "", nullptr});
  ApplyName(live_, unsynced_names_.back());
  return status;
}

absl::Status SimDisk::SyncDirectory() {
  CAIRN_RETURN_IF_ERROR(Alive());
  const auto [fate, status] = Begin(Kind::kSyncDirectory, ".");
  if (fate == Fate::kDone) {
    durable_ = live_;
    unsynced_names_.clear();
  }
  return status;
}

absl::StatusOr<std::vector<std::string>> SimDisk::List() const {
  CAIRN_RETURN_IF_ERROR(Alive());
  std::vector<std::string> names;
  for (const auto& [name, inode] : live_) names.push_back(name);
  return names;
}

absl::StatusOr<std::uint64_t> SimDisk::FreeBytes() const {
  CAIRN_RETURN_IF_ERROR(Alive());
  const std::uint64_t used = UsedBytes();
  return used < capacity_ ? capacity_ - used : 0;
}

// A change whose file is not there, because the change that made it was lost, does nothing.
void SimDisk::ApplyName(Names& names, const NameChange& change) const {
  if (change.kind == Kind::kCreate) {
    names[change.from] = change.inode;
  } else if (auto node = names.extract(change.from); !node.empty() && change.kind == Kind::kRename) {
    names[change.to] = node.mapped();
  }
}

void SimDisk::LosePower(const Survival& survival) {
  RestoreContents(survival);
  Rng rng(survival.seed + 1);
  for (const NameChange& change : unsynced_names_) {
    const bool kept = survival.names == Survival::Names::kAll ||
                      (survival.names == Survival::Names::kSome && rng.Chance(1, 2));
    if (kept) ApplyName(durable_, change);
  }
  live_ = durable_;
  unsynced_names_.clear();
  KillProcess();
}

void SimDisk::KillProcess() {
  dead_ = false;
  crash_at_.reset();
  failures_.clear();
  ++epoch_;
}

// Files lost with their names need not be restored: nobody can open them. All that can come back are in
// live_, in durable_ or in a creation.
void SimDisk::RestoreContents(const Survival& survival) {
  std::set<std::shared_ptr<Inode>> inodes;
  for (const auto& [name, inode] : live_) inodes.insert(inode);
  for (const auto& [name, inode] : durable_) inodes.insert(inode);
  for (const NameChange& change : unsynced_names_) {
    if (change.inode != nullptr) inodes.insert(change.inode);
  }
  std::map<std::uint64_t, std::pair<Inode*, const PendingWrite*>> writes;  // In the order of the calls.
  for (const auto& inode : inodes) {
    for (const PendingWrite& write : inode->pending) writes[write.sequence] = {inode.get(), &write};
  }

  Rng rng(survival.seed);
  std::uint64_t budget = survival.prefix_bytes;
  for (const auto& [sequence, target] : writes) {
    const auto& [inode, write] = target;
    switch (survival.writes) {
      case Survival::Writes::kNone:
        break;
      case Survival::Writes::kAll:
        ApplyWrite(inode->durable, *write);
        break;
      case Survival::Writes::kPrefix:
        if (write->resize) {
          if (budget > 0) ApplyWrite(inode->durable, *write);
          break;
        }
        if (budget == 0) break;
        Overwrite(inode->durable, write->offset, std::string_view(write->bytes).substr(0, budget));
        budget -= std::min<std::uint64_t>(budget, write->bytes.size());
        break;
      case Survival::Writes::kPages:
        if (write->resize) {
          if (rng.Chance(1, 2)) ApplyWrite(inode->durable, *write);
          break;
        }
        for (std::uint64_t done = 0; done < write->bytes.size();) {
          const std::uint64_t at = write->offset + done;
          const std::uint64_t length =
              std::min<std::uint64_t>(page_bytes_ - at % page_bytes_, write->bytes.size() - done);
          const std::uint64_t kept = rng.Chance(1, 8) ? rng.Below(length + 1) : rng.Chance(1, 2) ? length : 0;
          if (kept > 0) Overwrite(inode->durable, at, std::string_view(write->bytes).substr(done, kept));
          done += length;
        }
        break;
    }
  }
  for (const auto& inode : inodes) {
    inode->live = inode->durable;
    inode->pending.clear();
  }
}

}  // namespace cairn::raft
