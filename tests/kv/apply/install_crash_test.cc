// A member that is killed while it receives and installs a snapshot comes back whole, and the next transfer
// succeeds. A process of its own is killed before each operation on files in turn, those of RocksDB counting
// as one.

#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "kv/store/files.h"
#include "raft/base/rng.h"
#include "tests/kv/apply/member_under_test.h"
#include "tests/kv/store/file_observer.h"
#include "tests/kv/store/temp_directory.h"

namespace cairn::kv::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDirectory = "CAIRN_TEST_CRASH_DIRECTORY";
constexpr const char* kOperation = "CAIRN_TEST_CRASH_OPERATION";
constexpr int kKilled = 99;

// What the sender has: a large table, so that it is synced on the way, and some small ones.
constexpr std::uint64_t kEntries = 8;

DatabaseOptions Options() {
  DatabaseOptions options = SmallOptions();
  options.store.receive_reserve_bytes = 0;
  return options;
}

raft::SnapshotMeta Meta() {
  return {.last = {.term = raft::Term{1}, .index = raft::Index{kEntries}},
          .config = OneMember().config,
          .time = ClusterTime{kEntries * 10}};
}

// The image in `directory`, in the order of its manifest's file.
absl::Status ReceiveAndInstall(MemberUnderTest& member, const std::string& directory) {
  CAIRN_ASSIGN_OR_RETURN(const std::string encoded, files::ReadAll(directory + ".manifest"));
  CAIRN_ASSIGN_OR_RETURN(const ImageManifest manifest, ImageManifest::Decode(encoded));
  CAIRN_ASSIGN_OR_RETURN(auto sink, member.machine().ReceiveSnapshot(Meta(), encoded));
  while (sink->next().file < manifest.files.size()) {
    const auto at = sink->next();
    std::string bytes;
    CAIRN_RETURN_IF_ERROR(
        files::ReadAt(directory + "/" + manifest.files[at.file].name, at.offset, 3 << 20, bytes));
    CAIRN_RETURN_IF_ERROR(sink->Write(at, bytes));
  }
  CAIRN_RETURN_IF_ERROR(sink->Finish());
  return member.machine().Install(std::move(sink));
}

std::uint32_t HashOf(MemberUnderTest& member) { return member.reader().HashKv(Revision{0})->hash; }

// Runs this program again as the process that is to be killed; its exit code.
int RunChild(const std::string& directory, int operation) {
  const std::string where = fmt::format("{}={}", kDirectory, directory);
  const std::string when = fmt::format("{}={}", kOperation, operation);
  const std::string self = fs::read_symlink("/proc/self/exe").string();
  std::vector<std::string> arguments = {self, "--gtest_filter=InstallCrash.DISABLED_Child",
                                        "--gtest_also_run_disabled_tests", "--gtest_brief=1"};
  std::vector<std::string> variables = {where, when};
  for (char** variable = environ; *variable != nullptr; ++variable) variables.emplace_back(*variable);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  std::vector<char*> envp;
  for (std::string& variable : variables) envp.push_back(variable.data());
  envp.push_back(nullptr);
  pid_t pid = 0;
  EXPECT_EQ(posix_spawn(&pid, self.c_str(), nullptr, nullptr, argv.data(), envp.data()), 0);
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// Not a test of its own: what RunChild() starts.
TEST(InstallCrash, DISABLED_Child) {
  const char* const directory = std::getenv(kDirectory);  // NOLINT(concurrency-mt-unsafe): one thread.
  const char* const operation = std::getenv(kOperation);  // NOLINT(concurrency-mt-unsafe): one thread.
  ASSERT_TRUE(directory != nullptr && operation != nullptr) << "started by the test below only";
  auto member = std::make_unique<MemberUnderTest>(std::string(directory) + "/receiver", Options());
  std::atomic<int> left = std::stoi(operation);
  const FileObserver killer([&left](std::string_view, const std::string&) {
    if (--left == 0) _exit(kKilled);
    return absl::OkStatus();
  });
  const absl::Status installed = ReceiveAndInstall(*member, std::string(directory) + "/image");
  ASSERT_TRUE(installed.ok()) << installed;
  member.reset();
}

TEST(InstallCrash, KilledAtAnyOperationAMemberComesBackWholeAndTheNextTransferSucceeds) {
  const TempDirectory temporary;
  const std::string& root = temporary.path();
  std::uint32_t old_hash = 0;
  std::uint32_t new_hash = 0;
  {
    MemberUnderTest sender(root + "/sender", Options());
    Rng rng(1);
    for (std::uint64_t i = 0; i < kEntries; ++i) {
      std::string value;
      const std::size_t size = i == 0 ? 5 << 20 : 1000;
      while (value.size() < size) value.push_back(static_cast<char>(rng.Next()));
      sender.Put(fmt::format("k{}", i), value);
    }
    new_hash = HashOf(sender);
    auto source = *sender.machine().OpenSnapshot();
    ASSERT_EQ(source->meta(), Meta());
    ASSERT_TRUE(files::Append(root + "/image.manifest", source->manifest()).ok());
    fs::create_directories(root + "/image");
    for (std::size_t i = 0; i < source->files().size(); ++i) {
      std::string bytes;
      ASSERT_TRUE(source->Read(i, 0, source->files()[i].size, bytes).ok());
      ASSERT_TRUE(files::Append(root + "/image/" + source->files()[i].name, bytes).ok());
    }
  }
  {
    MemberUnderTest receiver(root + "/start", Options());
    receiver.Put("own", "1");
    old_hash = HashOf(receiver);
    ASSERT_TRUE(receiver.database().Close().ok());
  }
  ASSERT_NE(old_hash, new_hash);

  int came_back_old = 0;
  int came_back_new = 0;
  int operation = 1;
  for (;; ++operation) {
    SCOPED_TRACE(fmt::format("killed before operation {}", operation));
    fs::remove_all(root + "/receiver");
    fs::copy(root + "/start", root + "/receiver", fs::copy_options::recursive);
    const int exit_code = RunChild(root, operation);
    if (exit_code != kKilled) {
      ASSERT_EQ(exit_code, 0);
      break;
    }
    {
      MemberUnderTest back(root + "/receiver", Options());
      const std::uint32_t hash = HashOf(back);
      came_back_old += hash == old_hash ? 1 : 0;
      came_back_new += hash == new_hash ? 1 : 0;
      ASSERT_TRUE(hash == old_hash || hash == new_hash);
      const absl::Status installed = ReceiveAndInstall(back, root + "/image");
      ASSERT_TRUE(installed.ok()) << installed;
      ASSERT_EQ(HashOf(back), new_hash);
      back.Put("after", "1");
      ASSERT_TRUE(back.database().Close().ok());
    }
    MemberUnderTest again(root + "/receiver", Options());
    ASSERT_EQ(again.Get("after").body.count(), 1);
    ASSERT_EQ(again.Range(All()).body.count(), static_cast<std::int64_t>(kEntries + 1));
    std::size_t stores = 0;
    for (const auto& entry : fs::directory_iterator(root + "/receiver")) {
      stores += entry.path().filename().string().starts_with("store-") ? 1 : 0;
    }
    ASSERT_EQ(stores, 1U) << "a copy was left behind";
  }
  EXPECT_GT(came_back_old, 20);
  EXPECT_GE(came_back_new, 2) << "the end of the installation was not reached";
}

}  // namespace
}  // namespace cairn::kv::test
