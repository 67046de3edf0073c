#include "cmd/cairn-bench/workload.h"

namespace cairn::bench {
namespace {

constexpr std::size_t kSlack = 64 << 10;  // Values begin anywhere in the first 64 KiB.

}  // namespace

Workload::Workload(const Options& options, int thread, int threads)
    : key_space_(options.key_space),
      value_size_(options.value_size),
      sequential_(options.sequential_keys),
      step_(threads),
      next_(thread),
      rng_(options.seed + static_cast<std::uint64_t>(thread)),
      key_(options.key_size, 'k'),
      bytes_(options.value_size + kSlack, '\0') {
  for (char& byte : bytes_) byte = static_cast<char>(rng_.Next());
}

std::string_view Workload::NextKey() {
  std::int64_t number = 0;
  if (sequential_) {
    number = next_ % key_space_;
    next_ += step_;
  } else {
    number = static_cast<std::int64_t>(rng_.Below(static_cast<std::uint64_t>(key_space_)));
  }
  for (std::size_t i = key_.size(); i > 0; --i) {
    key_[i - 1] = static_cast<char>('0' + number % 10);
    number /= 10;
  }
  return key_;
}

std::string_view Workload::NextValue() {
  return std::string_view(bytes_).substr(rng_.Below(kSlack), value_size_);
}

}  // namespace cairn::bench
