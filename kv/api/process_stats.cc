#include "kv/api/process_stats.h"

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

namespace cairn::kv::api {
namespace {

double BootTimeSeconds() {
  std::ifstream file("/proc/stat");
  std::string word;
  while (file >> word) {
    double seconds = 0;
    if (word == "btime" && file >> seconds) return seconds;
  }
  return 0;
}

// Fields of /proc/self/stat behind the process's name, which may hold anything, closed by the last ')'.
void ReadStat(ProcessStats& stats) {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  const std::size_t after_name = line.rfind(')');
  if (after_name == std::string::npos) return;
  std::istringstream fields(line.substr(after_name + 1));
  std::string skipped;
  for (int field = 3; field <= 13; ++field) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;  // 14, 15.
  for (int field = 16; field <= 21; ++field) fields >> skipped;
  double start = 0;
  std::uint64_t resident_pages = 0;
  fields >> start >> stats.virtual_bytes >> resident_pages;  // 22, 23, 24.
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  stats.cpu_seconds = (user + system) / ticks;
  stats.start_time_seconds = BootTimeSeconds() + start / ticks;
  stats.resident_bytes = resident_pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::uint64_t CountOpenDescriptors() {
  std::uint64_t count = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", error), end; !error && entry != end;
       entry.increment(error)) {
    ++count;
  }
  return count;
}

// A directory entry for each connection: with many clients too much for every scrape.
std::uint64_t OpenDescriptors() {
  constexpr std::chrono::seconds kOld{10};
  struct Counted {
    absl::Mutex mu;
    std::uint64_t count ABSL_GUARDED_BY(mu) = 0;
    std::optional<std::chrono::steady_clock::time_point> when ABSL_GUARDED_BY(mu);
  };
  static Counted counted;
  const absl::MutexLock lock(&counted.mu);
  const auto now = std::chrono::steady_clock::now();
  if (!counted.when || now - *counted.when >= kOld) {
    counted.count = CountOpenDescriptors();
    counted.when = now;
  }
  return counted.count;
}

}  // namespace

ProcessStats ReadProcessStats() {
  ProcessStats stats;
  ReadStat(stats);
  stats.open_fds = OpenDescriptors();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) stats.max_fds = limit.rlim_cur;
  return stats;
}

}  // namespace cairn::kv::api
