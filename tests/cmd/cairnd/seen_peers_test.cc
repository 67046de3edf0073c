#include "cmd/cairnd/seen_peers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iomanip>
#include <memory>
#include <sstream>
#include <string>

#include "raft/base/checksum.h"
#include "raft/base/status.h"

namespace cairn::node {
namespace {

namespace fs = std::filesystem;
using raft::Incarnation;
using raft::NodeId;
using ::testing::HasSubstr;

class SeenPeersTest : public ::testing::Test {
 protected:
  SeenPeersTest() {
    std::string name = (fs::temp_directory_path() / "cairnd-test-XXXXXX").string();
    directory_ = mkdtemp(name.data());
  }
  ~SeenPeersTest() override { fs::remove_all(directory_); }

  std::unique_ptr<SeenPeers> Open() const {
    auto opened = SeenPeers::Open(directory_);
    EXPECT_TRUE(opened.ok()) << opened.status();
    return *std::move(opened);
  }
  absl::Status OpenWith(const std::string& content) const {
    std::ofstream(File()) << content;
    return SeenPeers::Open(directory_).status();
  }
  std::string File() const { return directory_ + "/peers"; }
  std::string Content() const {
    std::ostringstream text;
    text << std::ifstream(File()).rdbuf();
    return text.str();
  }

  std::string directory_;
};

TEST_F(SeenPeersTest, KnowsNobodyAtFirst) { EXPECT_EQ(Open()->IncarnationOf(NodeId{1}), std::nullopt); }

TEST_F(SeenPeersTest, RemembersInTheNextLife) {
  {
    const auto seen = Open();
    ASSERT_TRUE(seen->Record(NodeId{1}, Incarnation{10}).ok());
    ASSERT_TRUE(seen->Record(NodeId{2}, Incarnation{20}).ok());
    EXPECT_EQ(seen->IncarnationOf(NodeId{2}), Incarnation{20});
  }
  const auto again = Open();
  EXPECT_EQ(again->IncarnationOf(NodeId{1}), Incarnation{10});
  EXPECT_EQ(again->IncarnationOf(NodeId{2}), Incarnation{20});
  EXPECT_EQ(again->IncarnationOf(NodeId{3}), std::nullopt);
}

TEST_F(SeenPeersTest, TheFileHasItsFormat) {
  ASSERT_TRUE(Open()->Record(NodeId{0xab}, Incarnation{0xcd}).ok());
  const std::string text = "format 1\npeer 00000000000000ab\nincarnation 00000000000000cd\n";
  EXPECT_THAT(Content(), ::testing::StartsWith(text + "checksum "));
  EXPECT_FALSE(fs::exists(File() + ".new"));
}

TEST_F(SeenPeersTest, TheFirstOneStays) {
  const auto seen = Open();
  ASSERT_TRUE(seen->Record(NodeId{1}, Incarnation{10}).ok());
  EXPECT_TRUE(seen->Record(NodeId{1}, Incarnation{10}).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(seen->Record(NodeId{1}, Incarnation{11})));
  EXPECT_EQ(seen->IncarnationOf(NodeId{1}), Incarnation{10});
  EXPECT_EQ(Open()->IncarnationOf(NodeId{1}), Incarnation{10});
}

TEST_F(SeenPeersTest, WhatTheMembershipSaysCountsMore) {
  const auto seen = Open();
  ASSERT_TRUE(seen->Record(NodeId{1}, Incarnation{10}).ok());
  EXPECT_TRUE(seen->Replace(NodeId{1}, Incarnation{11}).ok());
  EXPECT_TRUE(seen->Replace(NodeId{2}, Incarnation{20}).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(seen->Record(NodeId{1}, Incarnation{10})));
  EXPECT_EQ(Open()->IncarnationOf(NodeId{1}), Incarnation{11});
  EXPECT_EQ(Open()->IncarnationOf(NodeId{2}), Incarnation{20});
}

TEST_F(SeenPeersTest, WhatCannotBeWrittenIsNotRemembered) {
  const auto seen = Open();
  fs::create_directory(File() + ".new");  // In the way of the file.
  EXPECT_FALSE(seen->Record(NodeId{1}, Incarnation{10}).ok());
  EXPECT_EQ(seen->IncarnationOf(NodeId{1}), std::nullopt);
  fs::remove(File() + ".new");
  EXPECT_TRUE(seen->Record(NodeId{1}, Incarnation{10}).ok());
  EXPECT_EQ(Open()->IncarnationOf(NodeId{1}), Incarnation{10});
}

TEST_F(SeenPeersTest, DamageIsFoundInEveryByte) {
  ASSERT_TRUE(Open()->Record(NodeId{1}, Incarnation{10}).ok());
  const std::string whole = Content();
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    EXPECT_FALSE(OpenWith(damaged).ok()) << i;
    EXPECT_FALSE(OpenWith(whole.substr(0, i)).ok()) << i;
  }
  EXPECT_TRUE(OpenWith(whole).ok());
}

TEST_F(SeenPeersTest, ANewerFormatIsRefused) {
  const absl::Status refused = OpenWith("format 2\nsomething else\n");
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(MessageOf(refused)), HasSubstr("start a newer cairnd"));
}

TEST_F(SeenPeersTest, ALineOfAnotherKindIsRefused) {
  std::string text = "format 1\nguest 0000000000000001\n";
  std::ostringstream seal;
  seal << std::hex << std::setw(16) << std::setfill('0') << Checksum(text);
  EXPECT_TRUE(IsCorruption(OpenWith(text + "checksum " + seal.str() + "\n")));
}

}  // namespace
}  // namespace cairn::node
