// What the log relies on, held against the real disk and the simulated one.
#include "raft/log/disk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "raft/base/status.h"
#include "tests/raft/log/test_disks.h"

namespace cairn::raft {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string ReadAll(const File& file) {
  std::string bytes;
  EXPECT_TRUE(file.ReadAt(0, 1 << 20, bytes).ok());
  return bytes;
}

class DiskContract : public ::testing::TestWithParam<DiskKind> {
 protected:
  TestDisk disk_{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Both, DiskContract, ::testing::Values(DiskKind::kSim, DiskKind::kPosix),
                         [](const auto& info) { return info.param == DiskKind::kSim ? "Sim" : "Posix"; });

TEST_P(DiskContract, PiecesAreWrittenOneAfterTheOther) {
  const std::unique_ptr<File> file = disk_->Open("a", {.create = true}).value();
  std::vector<std::string> parts(1000);
  for (std::size_t i = 0; i < parts.size(); ++i) parts[i].assign(i % 7, static_cast<char>('a' + i % 26));
  const std::vector<std::string_view> pieces(parts.begin(), parts.end());
  ASSERT_TRUE(file->WriteAt(3, pieces).ok());
  std::string expected(3, '\0');
  for (const std::string& part : parts) expected += part;
  EXPECT_EQ(ReadAll(*file), expected);
  EXPECT_EQ(file->Size().value(), expected.size());
}

TEST_P(DiskContract, ReadsAreShortOnlyAtTheEndOfTheFile) {
  const std::unique_ptr<File> file = disk_->Open("a", {.create = true}).value();
  const std::string_view text = "abcdef";
  ASSERT_TRUE(file->WriteAt(0, {&text, 1}).ok());
  std::string out = "old";
  ASSERT_TRUE(file->ReadAt(4, 10, out).ok());
  EXPECT_EQ(out, "ef");
  ASSERT_TRUE(file->ReadAt(6, 1, out).ok());
  EXPECT_EQ(out, "");
  ASSERT_TRUE(file->ReadAt(100, 1, out).ok());
  EXPECT_EQ(out, "");
}

TEST_P(DiskContract, AllocateZeroesAndTruncateCuts) {
  const std::unique_ptr<File> file = disk_->Open("a", {.create = true}).value();
  const std::string_view text = "abcdef";
  ASSERT_TRUE(file->WriteAt(0, {&text, 1}).ok());
  ASSERT_TRUE(file->Allocate(3'000'000).ok());
  EXPECT_EQ(file->Size().value(), 3'000'000U);
  std::string out;
  ASSERT_TRUE(file->ReadAt(0, 3'000'000, out).ok());
  EXPECT_EQ(out.find_first_not_of('\0'), std::string::npos);
  ASSERT_TRUE(file->Truncate(10).ok());
  EXPECT_EQ(file->Size().value(), 10U);
  EXPECT_TRUE(file->Sync().ok());
}

TEST_P(DiskContract, NamesAreMadeRenamedAndRemoved) {
  EXPECT_TRUE(absl::IsNotFound(disk_->Open("a", {}).status()));
  ASSERT_TRUE(disk_->Open("b", {.create = true}).ok());
  ASSERT_TRUE(disk_->Open("a", {.create = true, .exclusive = true}).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(disk_->Open("a", {.create = true, .exclusive = true}).status()));
  EXPECT_THAT(disk_->List().value(), ElementsAre("a", "b"));
  ASSERT_TRUE(disk_->Rename("b", "c").ok());
  EXPECT_TRUE(absl::IsNotFound(disk_->Rename("b", "c")));
  ASSERT_TRUE(disk_->Remove("a").ok());
  EXPECT_TRUE(absl::IsNotFound(disk_->Remove("a")));
  EXPECT_TRUE(disk_->SyncDirectory().ok());
  EXPECT_THAT(disk_->List().value(), ElementsAre("c"));
  EXPECT_GT(disk_->FreeBytes().value(), 0U);
}

TEST(PosixDisk, ErrorsCarryThePathAndTheSystemsWords) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() / "log";
  const std::unique_ptr<PosixDisk> disk = PosixDisk::Open(path + "/").value();
  EXPECT_THAT(std::string(MessageOf(disk->Open("missing", {}).status())),
              ::testing::AllOf(HasSubstr(path + "/missing"), HasSubstr("No such file or directory")));
  ASSERT_TRUE(disk->Open("file", {.create = true}).ok());
  EXPECT_THAT(std::string(MessageOf(PosixDisk::Open(path + "/file").status())),
              ::testing::AllOf(HasSubstr(path + "/file"), HasSubstr("File exists")));
}

TEST(PosixDisk, MakesWhatIsMissingOnTheWay) {
  const TemporaryDirectory root;
  const std::string deep = (root.path() / "a" / "b" / "c").string();
  EXPECT_TRUE(PosixDisk::Open(deep + "/").ok());
  EXPECT_TRUE(std::filesystem::is_directory(deep));
  EXPECT_TRUE(PosixDisk::Open(deep).ok());
  ASSERT_TRUE((*PosixDisk::Open(deep))->Open("file", {.create = true}).ok());
  const absl::Status in_the_way = MakeDirectories(deep + "/file/d");
  EXPECT_THAT(std::string(MessageOf(in_the_way)), HasSubstr("mkdir " + deep + "/file"));
}

// A file size limit is a write that fails half-way, which needs neither root nor a full disk.
TEST(PosixDisk, AWriteThatIsTakenInPartFails) {
  const TemporaryDirectory directory;
  const std::unique_ptr<PosixDisk> disk = PosixDisk::Open(directory.path().string()).value();
  const std::unique_ptr<File> file = disk->Open("a", {.create = true}).value();
  rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit small = before;
  small.rlim_cur = 8192;
  ASSERT_NE(std::signal(SIGXFSZ, SIG_IGN), SIG_ERR);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string bytes(10000, 'x');
  const std::string_view pieces[] = {std::string_view(bytes).substr(0, 5000),
                                     std::string_view(bytes).substr(5000)};
  const absl::Status status = file->WriteAt(0, pieces);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_THAT(std::string(MessageOf(status)),
              ::testing::AllOf(HasSubstr("pwritev"), HasSubstr(file->name()), HasSubstr("File too large")));
}

TEST(SimDisk, ForgetsWhatWasNotSynced) {
  SimDisk disk;
  const std::string_view one = "one";
  const std::string_view two = "two";
  const std::unique_ptr<File> file = disk.Open("a", {.create = true}).value();
  ASSERT_TRUE(disk.SyncDirectory().ok());
  ASSERT_TRUE(file->WriteAt(0, {&one, 1}).ok());
  ASSERT_TRUE(file->Sync().ok());
  ASSERT_TRUE(file->WriteAt(0, {&two, 1}).ok());
  ASSERT_TRUE(disk.Open("b", {.create = true}).ok());
  disk.LosePower({});
  EXPECT_EQ(disk.Contents("a"), "one");
  EXPECT_FALSE(disk.Exists("b"));
  EXPECT_FALSE(file->Sync().ok());  // Its process is gone.
}

TEST(SimDisk, AFailedSyncDropsWhatItShouldHaveWritten) {
  SimDisk disk;
  const std::string_view text = "text";
  const std::unique_ptr<File> file = disk.Open("a", {.create = true}).value();
  ASSERT_TRUE(disk.SyncDirectory().ok());
  ASSERT_TRUE(file->WriteAt(0, {&text, 1}).ok());
  disk.FailAt(disk.operations().size(), absl::UnknownError("EIO"));
  EXPECT_FALSE(file->Sync().ok());
  EXPECT_EQ(disk.Contents("a"), "text");
  EXPECT_TRUE(file->Sync().ok());  // Says so, and has nothing to write.
  disk.LosePower({.writes = Survival::Writes::kAll, .names = Survival::Names::kAll});
  EXPECT_EQ(disk.Contents("a"), "");
}

TEST(SimDisk, ARenameThatWasNotSyncedLeavesTheOldNameOrTheNew) {
  int old_names = 0;
  for (std::uint64_t seed = 1; seed <= 32; ++seed) {
    SimDisk disk;
    disk.Put("old", "text");
    ASSERT_TRUE(disk.Rename("old", "new").ok());
    disk.LosePower({.names = Survival::Names::kSome, .seed = seed});
    EXPECT_NE(disk.Exists("old"), disk.Exists("new"));
    old_names += disk.Exists("old") ? 1 : 0;
  }
  EXPECT_GT(old_names, 0);
  EXPECT_LT(old_names, 32);
}

}  // namespace
}  // namespace cairn::raft
