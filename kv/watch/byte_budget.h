#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace cairn::kv {

// Bytes that several owners may keep together. Thread-safe.
class ByteBudget {
 public:
  explicit ByteBudget(std::size_t limit) : limit_(limit) {}

  // False, and nothing taken, if less than `bytes` is left.
  bool MaybeTake(std::size_t bytes) {
    std::size_t used = used_.load(std::memory_order_relaxed);
    do {
      if (bytes > limit_ - used) return false;
    } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
    return true;
  }
  void GiveBack(std::size_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }
  [[nodiscard]] std::size_t used() const { return used_.load(std::memory_order_relaxed); }

 private:
  const std::size_t limit_;
  std::atomic<std::size_t> used_{0};  // Invariant: <= limit_.
};

// What one owner has taken from a budget; given back when it goes. Shares the budget with the other owners:
// the last one may be a message on its way to a client, which outlives the hub.
class ByteCharge {
 public:
  explicit ByteCharge(std::shared_ptr<ByteBudget> budget) : budget_(std::move(budget)) {}
  ~ByteCharge() {
    if (budget_ != nullptr) budget_->GiveBack(bytes_);
  }
  ByteCharge(ByteCharge&& other) noexcept
      : budget_(std::move(other.budget_)), bytes_(std::exchange(other.bytes_, 0)) {}
  ByteCharge& operator=(ByteCharge&&) = delete;

  // Takes what is missing to `bytes`. False, and nothing changed, if that is not left.
  bool MaybeRaiseTo(std::size_t bytes) {
    if (bytes <= bytes_) return true;
    if (!budget_->MaybeTake(bytes - bytes_)) return false;
    bytes_ = bytes;
    return true;
  }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  std::shared_ptr<ByteBudget> budget_;  // Null when moved from.
  std::size_t bytes_ = 0;
};

}  // namespace cairn::kv
