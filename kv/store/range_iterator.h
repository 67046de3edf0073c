#pragma once

#include <absl/status/status.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kv/model/range.h"
#include "kv/store/key_budget.h"
#include "kv/store/key_table.h"
#include "kv/store/view.h"

namespace cairn::kv {

// Walks the keys of a range that were alive at one moment, in order, with their versions of that moment: the
// tables of the key index and the index family, merged. The view's generation and snapshot and the budget
// must outlive it, not the view itself: the writer takes a new one in the middle of a request. After Valid()
// turns false, check status(): errors::TooMuchForNow() when the budget is spent.
class RangeIterator {
 public:
  RangeIterator(const View& view, KeyRange range, RevisionId at, KeyBudget& budget);
  ~RangeIterator();
  RangeIterator(const RangeIterator&) = delete;
  RangeIterator& operator=(const RangeIterator&) = delete;

  [[nodiscard]] bool Valid() const { return valid_; }
  [[nodiscard]] std::string_view key() const { return key_; }  // Until the next move.
  [[nodiscard]] const VersionInfo& info() const { return info_; }
  [[nodiscard]] const absl::Status& status() const { return status_; }
  void Next() { FindLive(); }

 private:
  // One table, or the family: stands on a key's newest version at or below `at`, if on anything.
  class Source;
  class TableSource;
  class FamilySource;

  void FindLive();

  KeyRange range_;
  std::shared_ptr<const KeyIndex::Tables> tables_;  // Kept for the sources.
  std::vector<std::unique_ptr<Source>> sources_;    // Newest first, so that the first of equals is right.
  std::string key_;
  VersionInfo info_;
  bool valid_ = false;
  absl::Status status_;
};

}  // namespace cairn::kv
