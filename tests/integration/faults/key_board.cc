#include "tests/integration/faults/key_board.h"

#include <algorithm>

#include "raft/base/assert.h"

namespace cairn::faults {
namespace {

constexpr std::uint64_t kRecent = 16;

}  // namespace

void KeyBoard::Attempt(const std::string& key) {
  const absl::MutexLock lock(&mu_);
  State& state = keys_[key];
  if (state.attempted == 0) recent_.push_back(key);
  CAIRN_ASSERT(state.attempted == state.acknowledged, "key {} still waits for an answer", key);
  ++state.attempted;
}

void KeyBoard::Acknowledge(const std::string& key, std::int64_t revision) {
  const absl::MutexLock lock(&mu_);
  State& state = keys_.at(key);
  state.acknowledged = state.attempted;
  revision_ = std::max(revision_, revision);
  ++acknowledgements_;
}

void KeyBoard::Withdraw(const std::string& key) {
  const absl::MutexLock lock(&mu_);
  State& state = keys_.at(key);
  state.attempted = state.acknowledged;
  if (state.attempted == 0) std::erase(recent_, key);
}

KeyBoard::State KeyBoard::Get(const std::string& key) const {
  const absl::MutexLock lock(&mu_);
  const auto found = keys_.find(key);
  return found == keys_.end() ? State{} : found->second;
}

std::optional<std::string> KeyBoard::Pick(Rng& rng) const {
  const absl::MutexLock lock(&mu_);
  if (recent_.empty()) return std::nullopt;
  const std::uint64_t back = rng.Below(std::min<std::uint64_t>(kRecent, recent_.size()));
  return recent_[recent_.size() - 1 - back];
}

std::map<std::string, KeyBoard::State> KeyBoard::All() const {
  const absl::MutexLock lock(&mu_);
  return keys_;
}

std::int64_t KeyBoard::acknowledgements() const {
  const absl::MutexLock lock(&mu_);
  return acknowledgements_;
}

std::int64_t KeyBoard::revision() const {
  const absl::MutexLock lock(&mu_);
  return revision_;
}

}  // namespace cairn::faults
