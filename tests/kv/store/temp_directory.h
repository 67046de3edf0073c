#pragma once

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>

namespace cairn::kv::test {

// A directory of one test's own, which goes with it. Declared before whatever keeps files in it.
class TempDirectory {
 public:
  TempDirectory() {
    static std::atomic<int> last = 0;
    path_ = (std::filesystem::temp_directory_path() /
             ("cairn-test-" + std::to_string(getpid()) + "-" + std::to_string(++last)))
                .string();
    std::filesystem::create_directories(path_);
  }
  ~TempDirectory() {
    std::error_code ignored;  // A full or vanished /tmp is not this test's failure.
    std::filesystem::remove_all(path_, ignored);
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace cairn::kv::test
