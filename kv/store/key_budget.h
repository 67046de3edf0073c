#pragma once

#include <cstdint>
#include <limits>

namespace cairn::kv {

// How many more keys one request may look at. A key counts each time a walk comes to it, in the answer or
// not: deleted ones, those made later than the moment asked for and those a filter passes over cost as much.
// One thread.
class KeyBudget {
 public:
  static constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

  explicit KeyBudget(std::uint64_t keys) : left_(keys) {}
  static KeyBudget Unlimited() { return KeyBudget(kUnlimited); }

  // False if there is none left.
  bool MaybeTakeOne() {
    if (left_ == 0) return false;
    if (left_ != kUnlimited) --left_;
    return true;
  }

 private:
  std::uint64_t left_;
};

}  // namespace cairn::kv
