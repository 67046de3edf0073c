#pragma once

#include <atomic>
#include <cstdint>
#include <limits>

namespace cairn::kv {

// How many more keys one request may look at. A key counts each time a walk comes to it, in the answer or
// not: deleted ones, those made later than the moment asked for and those a filter passes over cost as much.
// Nothing is left from the moment on at which any thread sets `abandoned`. Else: one thread.
class KeyBudget {
 public:
  static constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

  // `abandoned` may be null.
  explicit KeyBudget(std::uint64_t keys, const std::atomic<bool>* abandoned = nullptr)
      : left_(keys), abandoned_(abandoned) {}
  static KeyBudget Unlimited() { return KeyBudget(kUnlimited); }

  // False if there is none left.
  bool MaybeTakeOne() {
    if (left_ == 0 || IsAbandoned()) return false;
    if (left_ != kUnlimited) --left_;
    return true;
  }

  [[nodiscard]] bool IsAbandoned() const {
    return abandoned_ != nullptr && abandoned_->load(std::memory_order_relaxed);
  }

 private:
  std::uint64_t left_;
  const std::atomic<bool>* const abandoned_;
};

}  // namespace cairn::kv
