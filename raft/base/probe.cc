#include "raft/base/probe.h"

#include <algorithm>

namespace cairn {
namespace {

// Leaked list head: probes live as long as the process, and are only ever added.
std::atomic<Probe*>& Head() {
  static std::atomic<Probe*> head{nullptr};
  return head;
}

}  // namespace

Probe::Probe(const char* name) : name_(name) {
  next_ = Head().load(std::memory_order_relaxed);
  while (!Head().compare_exchange_weak(next_, this, std::memory_order_release, std::memory_order_relaxed)) {
  }
}

std::vector<Probe::Count> Probe::All() {
  std::vector<Count> counts;
  for (const Probe* probe = Head().load(std::memory_order_acquire); probe != nullptr; probe = probe->next_) {
    counts.push_back({.name = probe->name_, .hits = probe->hits_.load(std::memory_order_relaxed)});
  }
  std::sort(counts.begin(), counts.end(), [](const Count& a, const Count& b) { return a.name < b.name; });
  return counts;
}

}  // namespace cairn
