#include "kv/api/answer_gate.h"

#include <utility>

namespace cairn::kv::api {

void AnswerGate::Close() {
  const absl::MutexLock lock(&mu_);
  closed_.store(true, std::memory_order_relaxed);
}

bool AnswerGate::Hold(UnaryCall& call) {
  const absl::MutexLock lock(&mu_);
  if (!closed()) return false;
  held_.push_back(&call);
  return true;
}

std::vector<UnaryCall*> AnswerGate::Open() {
  const absl::MutexLock lock(&mu_);
  closed_.store(false, std::memory_order_relaxed);
  return std::exchange(held_, {});
}

}  // namespace cairn::kv::api
