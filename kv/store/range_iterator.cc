#include "kv/store/range_iterator.h"

#include <utility>

#include "kv/model/errors.h"
#include "kv/store/schema.h"
#include "raft/base/probe.h"

namespace cairn::kv {
namespace {

// Steps over so many old versions before it seeks past the rest: a step is several times cheaper than a seek,
// and most keys have few versions.
constexpr int kHops = 8;

constexpr RevisionId kBeforeAll{.main = Revision{-1}, .sub = 0};

}  // namespace

class RangeIterator::Source {
 public:
  virtual ~Source() = default;
  [[nodiscard]] virtual bool Valid() const = 0;
  [[nodiscard]] virtual std::string_view key() const = 0;
  [[nodiscard]] virtual const VersionInfo& info() const = 0;
  virtual void NextKey() = 0;
  [[nodiscard]] virtual absl::Status status() const = 0;
};

class RangeIterator::TableSource final : public Source {
 public:
  TableSource(const KeyTable& table, const KeyRange& range, RevisionId at, KeyBudget& budget)
      : it_(table), range_(range), at_(at), budget_(budget) {
    it_.Seek(range.begin, at);
    Settle();
  }
  [[nodiscard]] bool Valid() const override { return valid_; }
  [[nodiscard]] std::string_view key() const override { return it_.key(); }
  [[nodiscard]] const VersionInfo& info() const override { return info_; }
  void NextKey() override {
    const std::string_view key = it_.key();  // In the arena: stays.
    for (int i = 0; i < kHops && it_.Valid() && it_.key() == key; ++i) it_.Next();
    if (it_.Valid() && it_.key() == key) it_.Seek(key, kBeforeAll);
    Settle();
  }
  [[nodiscard]] absl::Status status() const override { return status_; }

 private:
  // From the first version of a key to one that is not too new.
  void Settle() {
    valid_ = false;
    while (it_.Valid() && (range_.unbounded || it_.key() < range_.end)) {
      if (!budget_.MaybeTakeOne()) {
        status_ = errors::TooMuchForNow();
        return;
      }
      info_ = it_.info();
      if (info_.id <= at_) {
        valid_ = true;
        return;
      }
      it_.Seek(it_.key(), at_);
    }
  }

  KeyTable::Iterator it_;
  const KeyRange& range_;
  RevisionId at_;
  KeyBudget& budget_;
  VersionInfo info_;
  bool valid_ = false;
  absl::Status status_;
};

class RangeIterator::FamilySource final : public Source {
 public:
  FamilySource(const View& view, const KeyRange& range, RevisionId at, KeyBudget& budget)
      : at_(at), budget_(budget) {
    CursorBounds bounds{.lower = schema::IndexLower(range.begin), .upper = std::nullopt};
    if (!range.unbounded) bounds.upper = schema::IndexLower(range.end);
    const std::string from = bounds.lower;
    cursor_ = view.kv().NewCursor(Family::kIndex, std::move(bounds), view.snapshot());
    cursor_->Seek(from);
    Settle();
  }
  [[nodiscard]] bool Valid() const override { return valid_; }
  [[nodiscard]] std::string_view key() const override { return key_; }
  [[nodiscard]] const VersionInfo& info() const override { return info_; }
  void NextKey() override {
    SkipKey();
    Settle();
  }
  [[nodiscard]] absl::Status status() const override { return status_.ok() ? cursor_->status() : status_; }

 private:
  // From the first row of a key to the newest version that is not too new, passing over keys without one.
  void Settle() {
    valid_ = false;
    while (status_.ok() && cursor_->Valid()) {
      if (!budget_.MaybeTakeOne()) {
        status_ = errors::TooMuchForNow();
        return;
      }
      if (!ReadRow()) return;
      key_.assign(row_key_);
      if (info_.id <= at_ || FindOlder()) {
        valid_ = status_.ok();
        return;
      }
    }
  }

  // The key's newest version is too new: one seek finds the right one if there is one.
  bool FindOlder() {
    if (!status_.ok()) return false;
    cursor_->Seek(schema::HistoryKey(key_, at_));
    return cursor_->Valid() && ReadRow() && row_key_ == key_;
  }

  bool ReadRow() {
    const absl::StatusOr<std::string_view> key = schema::UserKeyOf(cursor_->key(), scratch_);
    const absl::StatusOr<VersionInfo> info = schema::DecodeVersion(cursor_->value());
    status_ = key.ok() ? info.status() : key.status();
    if (!status_.ok()) return false;
    row_key_ = *key;
    info_ = *info;
    return true;
  }

  void SkipKey() {
    for (int i = 0; i < kHops && cursor_->Valid(); ++i) {
      cursor_->Next();
      if (!cursor_->Valid()) return;
      const absl::StatusOr<std::string_view> key = schema::UserKeyOf(cursor_->key(), scratch_);
      status_ = key.status();
      if (!key.ok() || *key != key_) return;
    }
    CAIRN_PROBE("range_seeks_past_old_versions");
    cursor_->Seek(schema::IndexAfter(key_));
  }

  RevisionId at_;
  KeyBudget& budget_;
  std::unique_ptr<Cursor> cursor_;
  std::string key_;
  std::string scratch_;
  std::string_view row_key_;
  VersionInfo info_;
  bool valid_ = false;
  absl::Status status_;
};

RangeIterator::RangeIterator(const View& view, KeyRange range, RevisionId at, KeyBudget& budget)
    : range_(std::move(range)), tables_(view.tables()) {
  if (range_.IsEmpty()) return;
  for (const auto& table : *tables_) {
    if (table->size() > 0) sources_.push_back(std::make_unique<TableSource>(*table, range_, at, budget));
  }
  sources_.push_back(std::make_unique<FamilySource>(view, range_, at, budget));
  FindLive();
}

RangeIterator::~RangeIterator() = default;

void RangeIterator::FindLive() {
  while (true) {
    Source* first = nullptr;
    for (const auto& source : sources_) {
      if (status_ = source->status(); !status_.ok()) break;
      if (source->Valid() && (first == nullptr || source->key() < first->key())) first = source.get();
    }
    valid_ = status_.ok() && first != nullptr;
    if (!valid_) return;
    key_.assign(first->key());
    info_ = first->info();
    for (const auto& source : sources_) {
      if (source->Valid() && source->key() == key_) source->NextKey();
    }
    if (!info_.deletion) return;
  }
}

}  // namespace cairn::kv
