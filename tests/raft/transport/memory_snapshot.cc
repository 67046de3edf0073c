#include "tests/raft/transport/memory_snapshot.h"

#include <fmt/format.h>

#include <sstream>

#include "raft/base/assert.h"
#include "raft/base/rng.h"
#include "tests/raft/transport/recorder.h"

namespace cairn::raft::testing {
namespace {

class MemorySource final : public SnapshotSource {
 public:
  MemorySource(std::shared_ptr<const SnapshotContent> content, std::shared_ptr<int> reads,
               std::optional<int> fail_at)
      : content_(std::move(content)), reads_(std::move(reads)), fail_at_(fail_at) {
    for (const auto& [name, bytes] : content_->files) files_.push_back({.name = name, .size = bytes.size()});
    manifest_ = content_->Manifest();
  }

  [[nodiscard]] const SnapshotMeta& meta() const override { return content_->meta; }
  [[nodiscard]] const std::vector<FileInfo>& files() const override { return files_; }
  [[nodiscard]] const std::string& manifest() const override { return manifest_; }

  absl::Status Read(std::size_t file, std::uint64_t offset, std::size_t length, std::string& out) override {
    if (fail_at_ == (*reads_)++) return absl::DataLossError("this read fails");
    out = content_->files.at(file).second.substr(offset, length);
    return absl::OkStatus();
  }

 private:
  const std::shared_ptr<const SnapshotContent> content_;
  const std::shared_ptr<int> reads_;
  const std::optional<int> fail_at_;
  std::vector<FileInfo> files_;
  std::string manifest_;
};

}  // namespace

std::size_t SnapshotContent::bytes() const {
  std::size_t bytes = 0;
  for (const auto& [name, content] : files) bytes += content.size();
  return bytes;
}

std::string SnapshotContent::Manifest() const {
  std::string manifest;
  for (const auto& [name, content] : files) manifest += fmt::format("{} {}\n", name, content.size());
  return manifest;
}

SnapshotContent RandomContent(const std::vector<std::size_t>& sizes) {
  Rng rng(sizes.size());
  SnapshotContent content{.meta = {.last = {.term = Term{4}, .index = Index{1234}},
                                   .config = {.voters = {NodeId{1}, NodeId{2}},
                                              .outgoing = {},
                                              .learners = {},
                                              .learners_next = {}},
                                   .time = ClusterTime{99}},
                          .files = {}};
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    std::string bytes(sizes[i], '\0');
    for (char& c : bytes) c = static_cast<char>(rng.Next());
    content.files.emplace_back(fmt::format("file{}", i), std::move(bytes));
  }
  return content;
}

std::function<absl::StatusOr<std::unique_ptr<SnapshotSource>>()> Opens(SnapshotContent content,
                                                                       std::optional<int> fail_at) {
  auto shared = std::make_shared<const SnapshotContent>(std::move(content));
  auto reads = std::make_shared<int>(0);
  return [shared, reads, fail_at]() -> absl::StatusOr<std::unique_ptr<SnapshotSource>> {
    return std::make_unique<MemorySource>(shared, reads, fail_at);
  };
}

class SnapshotShelf::Sink final : public SnapshotSink {
 public:
  Sink(SnapshotShelf& shelf, SnapshotMeta meta) : shelf_(shelf), meta_(std::move(meta)) {}
  ~Sink() override {
    absl::MutexLock lock(&shelf_.mu_);
    if (!finished_) --shelf_.sinks_;
  }

  [[nodiscard]] const SnapshotMeta& meta() const override { return meta_; }

  [[nodiscard]] Position next() const override {
    absl::MutexLock lock(&shelf_.mu_);
    return Next();
  }

  absl::Status Write(Position at, std::string_view bytes) override {
    absl::MutexLock lock(&shelf_.mu_);
    shelf_.mu_.Await(absl::Condition(+[](bool* held) { return !*held; }, &shelf_.held_));
    CAIRN_ASSERT(at == Next(), "file={} offset={}", at.file, at.offset);
    if (shelf_.break_at_ == shelf_.writes_) {
      shelf_.break_at_.reset();
      return absl::UnavailableError("this write fails");
    }
    if (shelf_.fail_from_ && shelf_.writes_ >= *shelf_.fail_from_) {
      return absl::ResourceExhaustedError("no room for this write");
    }
    ++shelf_.writes_;
    std::string& file = shelf_.files_.at(at.file);
    file.append(bytes);
    CAIRN_ASSERT(file.size() <= shelf_.sizes_[at.file], "file={} size={}", at.file, file.size());
    shelf_.done_[at.file] = file.size() == shelf_.sizes_[at.file];
    return absl::OkStatus();
  }

  absl::Status Finish() override {
    absl::MutexLock lock(&shelf_.mu_);
    if (shelf_.finish_takes_ > absl::ZeroDuration()) {
      constexpr auto kLetGo = +[](SnapshotShelf* shelf) ABSL_NO_THREAD_SAFETY_ANALYSIS {
        return shelf->finish_takes_ == absl::ZeroDuration();
      };
      shelf_.mu_.AwaitWithTimeout(absl::Condition(kLetGo, &shelf_), shelf_.finish_takes_);
    }
    if (Next().file != shelf_.files_.size()) return absl::FailedPreconditionError("files are missing");
    finished_ = true;
    --shelf_.sinks_;
    return absl::OkStatus();
  }

 private:
  [[nodiscard]] Position Next() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(shelf_.mu_) {
    std::size_t file = 0;
    while (file < shelf_.done_.size() && shelf_.done_[file]) ++file;
    return {.file = file, .offset = file < shelf_.files_.size() ? shelf_.files_[file].size() : 0};
  }

  SnapshotShelf& shelf_;
  const SnapshotMeta meta_;
  bool finished_ = false;
};

std::function<absl::StatusOr<std::unique_ptr<SnapshotSink>>(const SnapshotMeta&, std::string_view)>
SnapshotShelf::Receives() {
  return [this](const SnapshotMeta& meta,
                std::string_view manifest) -> absl::StatusOr<std::unique_ptr<SnapshotSink>> {
    absl::MutexLock lock(&mu_);
    ++begun_;
    CAIRN_ASSERT(sinks_ == 0, "two sinks at a time");
    ++sinks_;
    if (manifest != manifest_) {
      manifest_ = manifest;
      sizes_.clear();
      std::istringstream lines(manifest_);
      std::string name;
      std::size_t size = 0;
      while (lines >> name >> size) sizes_.push_back(size);
      files_.assign(sizes_.size(), "");
      done_.clear();
      for (const std::size_t s : sizes_) done_.push_back(s == 0 && empty_files_ == EmptyFiles::kPassed);
    }
    return std::make_unique<Sink>(*this, meta);
  };
}

void SnapshotShelf::BreakAt(int write) {
  absl::MutexLock lock(&mu_);
  break_at_ = write;
}

void SnapshotShelf::FailFrom(int write) {
  absl::MutexLock lock(&mu_);
  fail_from_ = write;
}

void SnapshotShelf::FinishTakes(absl::Duration duration) {
  absl::MutexLock lock(&mu_);
  finish_takes_ = duration;
}

void SnapshotShelf::Hold() {
  absl::MutexLock lock(&mu_);
  held_ = true;
}

void SnapshotShelf::LetGo() {
  absl::MutexLock lock(&mu_);
  held_ = false;
  finish_takes_ = absl::ZeroDuration();
}

std::vector<std::string> SnapshotShelf::files() const {
  absl::MutexLock lock(&mu_);
  return files_;
}

SnapshotShelf::Progress SnapshotShelf::progress() const {
  absl::MutexLock lock(&mu_);
  return Now();
}

bool SnapshotShelf::WaitFor(const std::function<bool(const Progress&)>& condition) const {
  absl::MutexLock lock(&mu_);
  const auto holds = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return condition(Now()); };
  return mu_.AwaitWithTimeout(absl::Condition(&holds), patience);
}

}  // namespace cairn::raft::testing
