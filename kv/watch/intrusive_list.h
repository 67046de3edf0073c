#pragma once

#include <cstddef>

#include "raft/base/assert.h"

namespace cairn::kv {

// A link inside an element of an IntrusiveList. Elements neither copy nor move.
template <typename T>
struct ListHook {
  T* previous = nullptr;
  T* next = nullptr;
  bool linked = false;

  ListHook() = default;
  ListHook(const ListHook&) = delete;
  ListHook& operator=(const ListHook&) = delete;
};

// A queue whose links live in its elements, so that moving a watcher between queues allocates nothing and
// taking one out of the middle costs nothing. Does not own. Not thread-safe.
template <typename T, ListHook<T> T::* kHook>
class IntrusiveList {
 public:
  IntrusiveList() = default;
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;

  [[nodiscard]] bool empty() const { return front_ == nullptr; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] T* front() const { return front_; }
  // The element behind `element`; null after the last.
  [[nodiscard]] static T* Next(const T& element) { return (element.*kHook).next; }
  [[nodiscard]] static bool Contains(const T& element) { return (element.*kHook).linked; }

  // REQUIRES: in no list through this hook.
  void PushBack(T& element) {
    ListHook<T>& hook = element.*kHook;
    CAIRN_ASSERT(!hook.linked, "an element is in one list at a time");
    hook.previous = back_;
    hook.next = nullptr;
    hook.linked = true;
    (back_ != nullptr ? (back_->*kHook).next : front_) = &element;
    back_ = &element;
    ++size_;
  }

  // REQUIRES: in this list.
  void Remove(T& element) {
    ListHook<T>& hook = element.*kHook;
    CAIRN_ASSERT(hook.linked && size_ > 0, "size={}", size_);
    (hook.previous != nullptr ? (hook.previous->*kHook).next : front_) = hook.next;
    (hook.next != nullptr ? (hook.next->*kHook).previous : back_) = hook.previous;
    hook.previous = nullptr;
    hook.next = nullptr;
    hook.linked = false;
    --size_;
  }

 private:
  T* front_ = nullptr;
  T* back_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace cairn::kv
