#include "cmd/cairnd/data_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "raft/base/checksum.h"
#include "raft/base/status.h"

namespace cairn::node {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class DataDirectoryTest : public ::testing::Test {
 protected:
  DataDirectoryTest() {
    std::string name = (fs::temp_directory_path() / "cairnd-test-XXXXXX").string();
    root_ = mkdtemp(name.data());
  }
  ~DataDirectoryTest() override { fs::remove_all(root_); }

  DataDirectory::Wanted Wanted() const {
    return {
        .path = Path(),
        .log_path = Path() + "/log",
        .identity = {
            .cluster = raft::ClusterId{1}, .member = raft::NodeId{2}, .incarnation = raft::Incarnation{3}}};
  }
  std::string Path() const { return root_ + "/node"; }

  std::string Refusal(const DataDirectory::Wanted& wanted) const {
    const auto opened = DataDirectory::Open(wanted);
    EXPECT_FALSE(opened.ok());
    return opened.ok() ? "" : std::string(MessageOf(opened.status()));
  }

  // What a first start leaves behind.
  void MakeWhole() const {
    const auto directory = DataDirectory::Open(Wanted());
    ASSERT_TRUE(directory.ok()) << directory.status();
    Put("log/segment");
    Put("store/table");
    ASSERT_TRUE((*directory)->MarkComplete().ok());
  }

  void Put(const std::string& file, const std::string& content = "x") const {
    fs::create_directories(fs::path(Path() + "/" + file).parent_path());
    std::ofstream(Path() + "/" + file) << content;
  }

  std::string Read(const std::string& file) const {
    std::ostringstream text;
    text << std::ifstream(Path() + "/" + file).rdbuf();
    return text.str();
  }

  std::string root_;
};

TEST_F(DataDirectoryTest, MadeOnceThenRecognised) {
  {
    const auto first = DataDirectory::Open(Wanted());
    ASSERT_TRUE(first.ok()) << first.status();
    EXPECT_TRUE((*first)->is_new());
  }
  MakeWhole();
  DataDirectory::Wanted again = Wanted();
  again.identity.incarnation = raft::Incarnation{99};

  const auto second = DataDirectory::Open(again);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_FALSE((*second)->is_new());
  EXPECT_EQ((*second)->identity().incarnation, raft::Incarnation{3});
}

TEST_F(DataDirectoryTest, IdentityFileHasItsFormat) {
  MakeWhole();

  EXPECT_EQ(Read("identity"),
            "format 1\ncluster 0000000000000001\nmember 0000000000000002\nincarnation 0000000000000003\n"
            "state complete\nchecksum 90073bb2c276bd34\n");
}

TEST_F(DataDirectoryTest, RefusedWhileAnotherProcessUsesIt) {
  const auto first = DataDirectory::Open(Wanted());
  ASSERT_TRUE(first.ok());

  EXPECT_THAT(Refusal(Wanted()), HasSubstr("in use by another cairnd"));
}

// R55.
TEST_F(DataDirectoryTest, RefusedForAnotherMemberOrCluster) {
  MakeWhole();
  DataDirectory::Wanted other_member = Wanted();
  other_member.identity.member = raft::NodeId{7};
  DataDirectory::Wanted other_cluster = Wanted();
  other_cluster.identity.cluster = raft::ClusterId{8};

  EXPECT_THAT(Refusal(other_member),
              HasSubstr("belongs to member 0000000000000002 of cluster 0000000000000001"));
  EXPECT_THAT(Refusal(other_cluster), HasSubstr("another --data-dir"));
}

TEST_F(DataDirectoryTest, RefusedForANewerFormatWhateverElseIsInIt) {
  MakeWhole();
  Put("identity", "format 2\nsomething else\n");

  EXPECT_THAT(Refusal(Wanted()), HasSubstr("start a newer cairnd"));
}

TEST_F(DataDirectoryTest, DamageOfTheIdentityIsSeenInEveryByte) {
  MakeWhole();
  const std::string whole = Read("identity");
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    Put("identity", damaged);
    EXPECT_FALSE(DataDirectory::Open(Wanted()).ok()) << "byte " << i;
    Put("identity", whole.substr(0, i));
    EXPECT_FALSE(DataDirectory::Open(Wanted()).ok()) << "cut at " << i;
  }
}

TEST_F(DataDirectoryTest, RefusedWhenItsDataIsGone) {
  for (const std::string part : {"log", "store"}) {
    MakeWhole();
    fs::remove_all(Path() + "/" + part);

    EXPECT_THAT(Refusal(Wanted()), HasSubstr(part + " is missing or empty"));
    fs::remove_all(Path());
  }
}

TEST_F(DataDirectoryTest, AFirstStartThatWasCutShortMayBeRepeated) {
  {
    ASSERT_TRUE(DataDirectory::Open(Wanted()).ok());
  }
  Put("log/half");
  DataDirectory::Wanted again = Wanted();
  again.identity.incarnation = raft::Incarnation{99};

  const auto second = DataDirectory::Open(again);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_TRUE((*second)->is_new());
  EXPECT_EQ((*second)->identity().incarnation, raft::Incarnation{3});
}

TEST_F(DataDirectoryTest, RefusedWhenThereIsDataButNoIdentity) {
  Put("store/table");

  EXPECT_THAT(Refusal(Wanted()), HasSubstr("no identity file"));
  EXPECT_FALSE(fs::exists(Path() + "/identity"));
}

TEST_F(DataDirectoryTest, RefusedForADirectoryOfEtcd) {
  Put("member/snap/db");

  EXPECT_THAT(Refusal(Wanted()), HasSubstr("looks like a data directory of etcd"));
}

TEST_F(DataDirectoryTest, ExistingNeedsWhatItSays) {
  DataDirectory::Wanted existing = Wanted();
  existing.must_exist = true;
  EXPECT_THAT(Refusal(existing), HasSubstr("holds no data"));
  EXPECT_FALSE(fs::exists(Path()));

  MakeWhole();
  EXPECT_TRUE(DataDirectory::Open(existing).ok());
  existing.identity.member = raft::NodeId{7};
  EXPECT_THAT(Refusal(existing), HasSubstr("belongs to member 0000000000000002"));
}

// --- A log elsewhere (--wal-dir) ---

TEST_F(DataDirectoryTest, ALogThatAnotherProcessUsesIsRefused) {
  const auto first = DataDirectory::Open(Wanted());
  ASSERT_TRUE(first.ok()) << first.status();
  DataDirectory::Wanted other = Wanted();
  other.path = root_ + "/other";
  fs::remove(Path() + "/log/identity");  // As one that has only just been locked.

  EXPECT_THAT(Refusal(other),
              HasSubstr("log is in use by another cairnd; stop that one, or give this one a --wal-dir"));
  EXPECT_FALSE(fs::exists(other.path + "/identity"));
}

TEST_F(DataDirectoryTest, ALogOfAnotherDirectoryIsRefused) {
  MakeWhole();
  DataDirectory::Wanted other = Wanted();
  other.path = root_ + "/other";
  EXPECT_THAT(Refusal(other), HasSubstr("log has data in it"));
  other.log_path = root_ + "/other-log";
  other.identity.incarnation = raft::Incarnation{4};
  {
    const auto directory = DataDirectory::Open(other);
    ASSERT_TRUE(directory.ok()) << directory.status();
    fs::create_directories(other.path + "/store/table");
    std::ofstream(other.log_path + "/segment") << "x";
    ASSERT_TRUE((*directory)->MarkComplete().ok());
  }
  other.log_path = Wanted().log_path;

  EXPECT_THAT(Refusal(other),
              HasSubstr("log of member 0000000000000002 of cluster 0000000000000001 with another"));
}

TEST_F(DataDirectoryTest, ALogOfNobodyKnownIsRefused) {
  MakeWhole();
  fs::rename(Path() + "/log", root_ + "/log");
  fs::remove(root_ + "/log/identity");
  DataDirectory::Wanted wanted = Wanted();
  wanted.log_path = root_ + "/log";

  EXPECT_THAT(Refusal(wanted), HasSubstr("log has no identity file"));
}

TEST_F(DataDirectoryTest, ALogInItsPlaceGetsTheIdentityThatItNeverHad) {
  MakeWhole();
  fs::remove(Path() + "/log/identity");

  EXPECT_TRUE(DataDirectory::Open(Wanted()).ok());
  EXPECT_TRUE(fs::exists(Path() + "/log/identity"));
}

TEST_F(DataDirectoryTest, TheDataDirectoryItselfIsNoPlaceForTheLog) {
  fs::create_directories(Path());
  DataDirectory::Wanted wanted = Wanted();
  wanted.log_path = Path();

  EXPECT_THAT(Refusal(wanted), HasSubstr("the data directory itself"));
}

// A disk that fills up between two steps, a kill: what a failed first start leaves must not be in the way.
TEST_F(DataDirectoryTest, WhatAFailedClaimLeavesIsNoData) {
  Put("log/LOCK");
  Put("log/identity.new");

  EXPECT_TRUE(DataDirectory::Open(Wanted()).ok());
}

TEST_F(DataDirectoryTest, RefusedWhenItCannotBeMadeOrUsed) {
  std::ofstream(root_ + "/file") << "x";
  DataDirectory::Wanted wanted = Wanted();
  wanted.path = root_ + "/file/node";
  EXPECT_THAT(Refusal(wanted), HasSubstr("cannot make"));

  if (geteuid() == 0) GTEST_SKIP() << "nothing is forbidden to root";
  fs::create_directories(Path());
  fs::permissions(Path(), fs::perms::none);
  EXPECT_THAT(Refusal(Wanted()), HasSubstr("must belong to the user that runs cairnd"));
  fs::permissions(Path(), fs::perms::owner_all);
}

}  // namespace
}  // namespace cairn::node
