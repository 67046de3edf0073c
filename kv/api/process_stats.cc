#include "kv/api/process_stats.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
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

}  // namespace

ProcessStats ReadProcessStats() {
  ProcessStats stats;
  ReadStat(stats);
  std::error_code error;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", error), end; !error && entry != end;
       entry.increment(error)) {
    ++stats.open_fds;
  }
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) stats.max_fds = limit.rlim_cur;
  return stats;
}

}  // namespace cairn::kv::api
