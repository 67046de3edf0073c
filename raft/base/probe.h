#pragma once

#include <atomic>
#include <string>
#include <vector>

namespace cairn {

// A rare branch that some test or simulation must reach. Registered when first passed; compared with the list
// of all CAIRN_PROBE names in the source by whoever wants to know which were never reached.
class Probe {
 public:
  explicit Probe(const char* name);

  void Hit() { hits_.fetch_add(1, std::memory_order_relaxed); }

  // Names and counts of every probe passed so far in this process, in order of name.
  struct Count {
    std::string name;
    std::uint64_t hits;
  };
  static std::vector<Count> All();

 private:
  const char* name_;
  std::atomic<std::uint64_t> hits_{0};
  Probe* next_ = nullptr;
};

}  // namespace cairn

// CAIRN_PROBE("joint_commit_advanced"); costs one relaxed addition.
#define CAIRN_PROBE(name)                     \
  do {                                        \
    static ::cairn::Probe cairn_probe_{name}; \
    cairn_probe_.Hit();                       \
  } while (false)
