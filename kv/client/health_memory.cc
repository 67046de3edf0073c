#include "kv/client/health_memory.h"

#include <algorithm>

#include "raft/base/assert.h"

namespace cairn::kv::client {
namespace {

constexpr std::chrono::milliseconds kAvoidFirst{100};
constexpr int kDoublings = 5;  // At most 3.2 s: a node that was restarted should not wait longer for work.

}  // namespace

HealthMemory::HealthMemory(std::size_t endpoints, std::size_t first)
    : records_(endpoints), preferred_(first) {
  CAIRN_ASSERT(first < endpoints, "first={} endpoints={}", first, endpoints);
}

std::vector<std::size_t> HealthMemory::Order(SteadyTime now) const {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < records_.size(); ++i) order.push_back((preferred_ + i) % records_.size());
  const auto avoided_until = [&](std::size_t endpoint) {
    const Record& record = records_[endpoint];
    return record.failures > 0 && record.bad_until > now ? record.bad_until : SteadyTime::min();
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return avoided_until(a) < avoided_until(b); });
  return order;
}

void HealthMemory::Succeeded(std::size_t endpoint) {
  records_.at(endpoint) = Record{};
  preferred_ = endpoint;
}

void HealthMemory::Failed(std::size_t endpoint, SteadyTime now) {
  Record& record = records_.at(endpoint);
  record.bad_until = now + kAvoidFirst * (1 << std::min(record.failures, kDoublings));
  record.failures = std::min(record.failures + 1, kDoublings + 1);
}

}  // namespace cairn::kv::client
