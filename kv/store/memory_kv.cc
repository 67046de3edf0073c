#include "kv/store/memory_kv.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <variant>

#include "kv/model/wire.h"
#include "raft/base/assert.h"
#include "raft/base/status.h"

namespace cairn::kv {
namespace {

constexpr std::uint64_t kNow = std::numeric_limits<std::uint64_t>::max();

}  // namespace

class MemoryKv::Batch final : public WriteBatch {
 public:
  enum class Kind : std::uint8_t { kPut, kDelete, kDeleteRange };
  struct Step {
    Kind kind;
    Family family;
    std::string key;
    std::string value;  // Of a range deletion: its end.
  };

  void Put(Family family, std::string_view key, std::string_view value) override {
    Add(Kind::kPut, family, key, value);
  }
  void Delete(Family family, std::string_view key) override { Add(Kind::kDelete, family, key, {}); }
  void DeleteRange(Family family, std::string_view from, std::string_view to) override {
    Add(Kind::kDeleteRange, family, from, to);
  }
  void Clear() override {
    steps.clear();
    bytes_ = 0;
  }
  [[nodiscard]] std::size_t bytes() const override { return bytes_; }

  std::vector<Step> steps;

 private:
  void Add(Kind kind, Family family, std::string_view key, std::string_view value) {
    bytes_ += key.size() + value.size() + 8;
    steps.push_back({kind, family, std::string(key), std::string(value)});
  }
  std::size_t bytes_ = 0;
};

class MemoryKv::Snapshot final : public KvSnapshot {
 public:
  Snapshot(MemoryKv& kv, std::uint64_t number) : number(number), kv_(kv) {}
  ~Snapshot() override { kv_.Release(number); }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;
  const std::uint64_t number;

 private:
  MemoryKv& kv_;
};

class MemoryKv::Value final : public PinnedValue {
 public:
  explicit Value(Shared value) : value_(std::move(value)) {}
  [[nodiscard]] std::string_view bytes() const override { return *value_; }

 private:
  Shared value_;
};

// Holds no iterator: each move looks the place up again, so that it may be used beside writes.
class MemoryKv::MemoryCursor final : public Cursor {
 public:
  MemoryCursor(MemoryKv& kv, Family family, CursorBounds bounds, std::unique_ptr<KvSnapshot> own,
               std::uint64_t number)
      : kv_(kv), family_(family), bounds_(std::move(bounds)), own_(std::move(own)), number_(number) {}

  void Seek(std::string_view key) override {
    Forward(std::max<std::string_view>(key, bounds_.lower), Start::kAt);
  }
  void Next() override {
    const std::string from = std::exchange(key_, {});
    Forward(from, Start::kPast);
  }
  void SeekForPrev(std::string_view key) override {
    if (bounds_.upper && key >= *bounds_.upper) return Backward(*bounds_.upper, Start::kPast);
    Backward(key, Start::kAt);
  }
  void Prev() override {
    const std::string from = std::exchange(key_, {});
    Backward(from, Start::kPast);
  }
  [[nodiscard]] bool Valid() const override { return value_ != nullptr; }
  [[nodiscard]] std::string_view key() const override { return key_; }
  [[nodiscard]] std::string_view value() const override { return *value_; }
  [[nodiscard]] absl::Status status() const override { return absl::OkStatus(); }

 private:
  enum class Start : std::uint8_t { kAt, kPast };

  void Forward(std::string_view from, Start start) {
    absl::MutexLock lock(&kv_.mu_);
    const Map& map = kv_.maps_[static_cast<std::size_t>(family_)];
    value_ = nullptr;
    for (auto it = start == Start::kAt ? map.lower_bound(from) : map.upper_bound(from); it != map.end();
         ++it) {
      if (bounds_.upper && it->first >= *bounds_.upper) return;
      if (Take(*it)) return;
    }
  }
  void Backward(std::string_view from, Start start) {
    absl::MutexLock lock(&kv_.mu_);
    const Map& map = kv_.maps_[static_cast<std::size_t>(family_)];
    value_ = nullptr;
    auto it = start == Start::kAt ? map.upper_bound(from) : map.lower_bound(from);
    while (it != map.begin()) {
      --it;
      if (it->first < bounds_.lower) return;
      if (Take(*it)) return;
    }
  }
  bool Take(const Map::value_type& entry) {
    value_ = At(entry.second, number_);
    if (value_ == nullptr) return false;
    key_ = entry.first;
    return true;
  }

  MemoryKv& kv_;
  Family family_;
  CursorBounds bounds_;
  std::unique_ptr<KvSnapshot> own_;
  std::uint64_t number_;
  std::string key_;
  Shared value_;
};

std::unique_ptr<WriteBatch> MemoryKv::NewBatch() { return std::make_unique<Batch>(); }

MemoryKv::Shared MemoryKv::At(const History& history, std::uint64_t number) {
  for (auto it = history.rbegin(); it != history.rend(); ++it) {
    if (it->first <= number) return it->second;
  }
  return nullptr;
}

std::uint64_t MemoryKv::OldestSnapshot() const { return snapshots_.empty() ? kNow : *snapshots_.begin(); }

void MemoryKv::Forget(Map& map, Map::iterator it) {
  History& history = it->second;
  const std::uint64_t oldest = OldestSnapshot();
  auto keep = history.end() - 1;
  while (keep != history.begin() && keep->first > oldest) --keep;
  history.erase(history.begin(), keep);
  if (history.size() == 1 && history.front().second == nullptr) map.erase(it);
}

void MemoryKv::Set(Family family, std::string_view key, Shared value) {
  Map& map = maps_[static_cast<std::size_t>(family)];
  auto it = map.find(key);
  Shared before = it == map.end() ? nullptr : At(it->second, kNow);
  if (before == nullptr && value == nullptr) return;
  if (before != nullptr) content_bytes_ -= key.size() + before->size();
  if (value != nullptr) content_bytes_ += key.size() + value->size();
  undo_.push_back({family, std::string(key), before});
  if (it == map.end()) it = map.emplace(std::string(key), History{}).first;
  if (!it->second.empty() && it->second.back().first == number_) {
    it->second.back().second = std::move(value);  // Twice in one batch: the later one wins.
  } else {
    it->second.emplace_back(number_, std::move(value));
  }
  if (!snapshots_.empty()) stale_.push_back({.replaced_by = number_, .family = family, .key = it->first});
  Forget(map, it);
}

absl::Status MemoryKv::Write(WriteBatch& batch) {
  const auto& steps = static_cast<Batch&>(batch).steps;
  absl::MutexLock lock(&mu_);
  ++number_;
  unflushed_ += batch.bytes();
  for (const Batch::Step& step : steps) {
    switch (step.kind) {
      case Batch::Kind::kPut:
        Set(step.family, step.key, std::make_shared<const std::string>(step.value));
        break;
      case Batch::Kind::kDelete:
        Set(step.family, step.key, nullptr);
        break;
      case Batch::Kind::kDeleteRange: {
        Map& map = maps_[static_cast<std::size_t>(step.family)];
        for (auto it = map.lower_bound(step.key); it != map.end() && it->first < step.value;) {
          const std::string key = (it++)->first;
          Set(step.family, key, nullptr);
        }
        break;
      }
    }
  }
  if (number_ == flush_after_) undo_.clear();
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<PinnedValue>> MemoryKv::Get(Family family, std::string_view key,
                                                           const KvSnapshot* snapshot) {
  absl::MutexLock lock(&mu_);
  const Map& map = maps_[static_cast<std::size_t>(family)];
  const auto it = map.find(key);
  if (it == map.end()) return std::unique_ptr<PinnedValue>();
  const std::uint64_t at = snapshot == nullptr ? kNow : static_cast<const Snapshot*>(snapshot)->number;
  Shared value = At(it->second, at);
  if (value == nullptr) return std::unique_ptr<PinnedValue>();
  return std::make_unique<Value>(std::move(value));
}

std::unique_ptr<Cursor> MemoryKv::NewCursor(Family family, CursorBounds bounds, const KvSnapshot* snapshot) {
  // Without a snapshot a cursor still sees one moment, as RocksDB's does.
  std::unique_ptr<KvSnapshot> own = snapshot == nullptr ? NewSnapshot() : nullptr;
  const auto& at = static_cast<const Snapshot&>(snapshot == nullptr ? *own : *snapshot);
  return std::make_unique<MemoryCursor>(*this, family, std::move(bounds), std::move(own), at.number);
}

std::unique_ptr<KvSnapshot> MemoryKv::NewSnapshot() {
  absl::MutexLock lock(&mu_);
  snapshots_.insert(number_);
  return std::make_unique<Snapshot>(*this, number_);
}

void MemoryKv::Release(std::uint64_t number) {
  absl::MutexLock lock(&mu_);
  const auto it = snapshots_.find(number);
  CAIRN_ASSERT(it != snapshots_.end(), "snapshot {} released twice", number);
  snapshots_.erase(it);
  // What the oldest one alone has kept goes with it.
  for (const std::uint64_t oldest = OldestSnapshot(); !stale_.empty() && stale_.front().replaced_by <= oldest;
       stale_.pop_front()) {
    Map& map = maps_[static_cast<std::size_t>(stale_.front().family)];
    if (const auto found = map.find(stale_.front().key); found != map.end()) Forget(map, found);
  }
}

absl::Status MemoryKv::FlushAll() {
  absl::MutexLock lock(&mu_);
  undo_.clear();
  unflushed_ = 0;
  return absl::OkStatus();
}

absl::Status MemoryKv::Checkpoint(const std::string& directory) {
  CAIRN_RETURN_IF_ERROR(FlushAll());
  std::error_code error;
  if (!std::filesystem::create_directory(directory, error)) {
    return absl::AlreadyExistsError(fmt::format("cannot make {}: {}", directory, error.message()));
  }
  std::ofstream out(directory + "/content", std::ios::binary);
  const std::string content = Serialize();
  out.write(content.data(), static_cast<std::streamsize>(content.size()));
  out.close();
  if (!out) return absl::InternalError(fmt::format("cannot write {}/content", directory));
  return absl::OkStatus();
}

std::uint64_t MemoryKv::unflushed_bytes() const {
  absl::MutexLock lock(&mu_);
  return unflushed_;
}

std::uint64_t MemoryKv::bytes_on_disk() const {
  absl::MutexLock lock(&mu_);
  return content_bytes_;
}

std::size_t MemoryKv::versions() const {
  absl::MutexLock lock(&mu_);
  std::size_t count = 0;
  for (const Map& map : maps_) {
    for (const auto& [key, history] : map) count += history.size();
  }
  return count;
}

std::uint64_t MemoryKv::writes() const {
  absl::MutexLock lock(&mu_);
  return number_;
}

void MemoryKv::FlushAfterWrite(std::uint64_t number) {
  absl::MutexLock lock(&mu_);
  flush_after_ = number;
}

void MemoryKv::Crash() {
  absl::MutexLock lock(&mu_);
  CAIRN_ASSERT(snapshots_.empty(), "{} views open in a crash", snapshots_.size());
  const std::vector<Undo> undo = std::exchange(undo_, {});
  ++number_;
  for (auto it = undo.rbegin(); it != undo.rend(); ++it) Set(it->family, it->key, it->before);
  undo_.clear();
  unflushed_ = 0;
}

std::string MemoryKv::Serialize() const {
  absl::MutexLock lock(&mu_);
  // What was not flushed is looked up in the undo list: the oldest entry of a key is its flushed value.
  std::map<std::pair<Family, std::string>, Shared> flushed;
  for (const Undo& undo : undo_) flushed.try_emplace({undo.family, undo.key}, undo.before);
  for (std::size_t family = 0; family < kFamilies; ++family) {
    for (const auto& [key, history] : maps_[family]) {
      flushed.try_emplace({static_cast<Family>(family), key}, At(history, kNow));
    }
  }
  std::string out;
  for (const auto& [place, value] : flushed) {
    if (value == nullptr) continue;
    out.push_back(static_cast<char>(place.first));
    wire::AppendVarint(out, place.second.size());
    out.append(place.second);
    wire::AppendVarint(out, value->size());
    out.append(*value);
  }
  return out;
}

absl::StatusOr<std::unique_ptr<MemoryKv>> MemoryKv::Load(std::string_view bytes) {
  const auto take = [&bytes]() -> std::optional<std::string_view> {
    const std::optional<std::uint64_t> size = wire::TakeVarint(bytes);
    if (!size || *size > bytes.size()) return std::nullopt;
    const std::string_view taken = bytes.substr(0, *size);
    bytes.remove_prefix(*size);
    return taken;
  };
  auto kv = std::make_unique<MemoryKv>();
  auto batch = kv->NewBatch();
  const std::size_t total = bytes.size();
  while (!bytes.empty()) {
    const auto family = static_cast<std::size_t>(bytes.front());
    bytes.remove_prefix(1);
    const auto key = take();
    const auto value = key ? take() : std::nullopt;
    if (family >= kFamilies || !value) {
      return Corruption("content", total - bytes.size(), "not a family, key and value");
    }
    batch->Put(static_cast<Family>(family), *key, *value);
  }
  CAIRN_RETURN_IF_ERROR(kv->Write(*batch));
  CAIRN_RETURN_IF_ERROR(kv->FlushAll());
  return kv;
}

}  // namespace cairn::kv
