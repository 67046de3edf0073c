#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cairn::fuzz {

// A parser of outside bytes under attack. `run` takes any bytes, aborts if a promise is broken, and says
// whether the parser accepted them; `seeds` are inputs to begin with, most of them accepted. libFuzzer drives
// it through fuzzer_entry.cc, every other build through fuzz_smoke_test.cc.
struct Target {
  const char* name;
  bool (*run)(std::string_view bytes);
  std::vector<std::string> (*seeds)();
};

extern const Target kLogRecords;
extern const Target kPeerMessages;
extern const Target kSnapshotChunks;
extern const Target kFirstBytes;
extern const Target kStoredBytes;

}  // namespace cairn::fuzz
