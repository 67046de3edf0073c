#include "tests/integration/faults/history.h"

#include <fmt/format.h>

namespace cairn::faults {

void History::Learn(std::int64_t revision, const Write& write, const std::string& who) {
  if (revision <= base_) {
    verdict_.Violation(fmt::format("{}: revision {} is not after the beginning ({})", who, revision, base_));
    return;
  }
  const auto index = static_cast<std::size_t>(revision - base_ - 1);
  Write known;
  {
    const absl::MutexLock lock(&mu_);
    if (index >= writes_.size()) writes_.resize(index + 1);
    if (writes_[index].key.empty()) writes_[index] = write;
    known = writes_[index];
  }
  if (known == write) return;
  verdict_.Violation(fmt::format("{}: revision {} holds {} #{}, but others were told {} #{}", who, revision,
                                 write.key, write.sequence, known.key, known.sequence));
}

std::int64_t History::last() const {
  const absl::MutexLock lock(&mu_);
  return base_ + static_cast<std::int64_t>(writes_.size());
}

}  // namespace cairn::faults
