#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "kv/store/files.h"

namespace cairn::kv::test {

// While it lives, `before` is asked before every operation on files, in whatever thread that goes on.
class FileObserver final : public files::Observer {
 public:
  using BeforeOperation = std::function<absl::Status(std::string_view operation, const std::string& path)>;

  explicit FileObserver(BeforeOperation before) : before_(std::move(before)) { files::SetObserver(this); }
  ~FileObserver() override { files::SetObserver(nullptr); }
  FileObserver(const FileObserver&) = delete;
  FileObserver& operator=(const FileObserver&) = delete;

  absl::Status Before(std::string_view operation, const std::string& path) override {
    return before_(operation, path);
  }

 private:
  const BeforeOperation before_;
};

}  // namespace cairn::kv::test
