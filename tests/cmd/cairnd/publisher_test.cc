#include "cmd/cairnd/publisher.h"

#include <gtest/gtest.h>

#include <vector>

#include "cairn/command.pb.h"
#include "kv/apply/kv_result.h"
#include "kv/model/command.h"

namespace cairn::node {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

class FakeGroup final : public raft::Group {
 public:
  void Propose(Payload command, raft::ProposeDone done) override {
    commands.push_back(std::move(command));
    waiting.push_back(std::move(done));
  }
  void ReadBarrier(raft::ReadDone) override {}
  [[nodiscard]] raft::GroupStatus status() const override { return {}; }
  [[nodiscard]] bool has_leader() const override { return false; }
  void TransferLeadership(std::optional<raft::NodeId>, absl::AnyInvocable<void(absl::Status)>) override {}

  void Answer(absl::StatusOr<std::unique_ptr<raft::ApplyResult>> result) {
    waiting.back()(std::move(result));
    waiting.pop_back();
  }

  std::vector<Payload> commands;
  std::vector<raft::ProposeDone> waiting;
};

class PublisherTest : public ::testing::Test {
 protected:
  PublisherTest()
      : self_{.id = raft::NodeId{5},
              .name = "n5",
              .client_urls = {"http://h:1"},
              .peer_urls = {"http://h:2"},
              .incarnation = raft::Incarnation{9}} {
    members_->members.push_back({.id = raft::NodeId{5}, .peer_urls = {"http://h:2"}});
    publisher_ = std::make_unique<Publisher>(group_, [this] { return members_; }, self_);
  }

  static std::unique_ptr<raft::ApplyResult> Result(absl::Status status) {
    auto result = std::make_unique<kv::KvResult>();
    result->status = std::move(status);
    return result;
  }

  FakeGroup group_;
  kv::MemberInfo self_;
  std::shared_ptr<kv::Members> members_ = std::make_shared<kv::Members>();
  std::unique_ptr<Publisher> publisher_;
  steady_clock::time_point now_;
};

TEST_F(PublisherTest, ProposesWhatThisMemberIsAndIsDoneWhenItIsApplied) {
  ASSERT_TRUE(publisher_->Step(now_).ok());
  ASSERT_EQ(group_.commands.size(), 1U);
  const auto command = kv::DecodeCommand(group_.commands[0].bytes());
  ASSERT_TRUE(command.ok());
  EXPECT_EQ(command->kind, kv::CommandKind::kPublishMember);
  kv::v1::PublishMember body;
  ASSERT_TRUE(body.ParseFromString(std::string(command->body)));
  EXPECT_EQ(body.member_id(), 5U);
  EXPECT_EQ(body.name(), "n5");
  EXPECT_EQ(body.incarnation(), 9U);
  EXPECT_EQ(body.client_urls(0), "http://h:1");
  EXPECT_EQ(body.peer_urls(0), "http://h:2");

  members_->members[0] = self_;
  group_.Answer(Result(absl::OkStatus()));
  ASSERT_TRUE(publisher_->Step(now_).ok());
  EXPECT_TRUE(publisher_->done());
}

TEST_F(PublisherTest, SaysNothingWhenTheClusterKnowsAlready) {
  members_->members[0] = self_;
  ASSERT_TRUE(publisher_->Step(now_).ok());

  EXPECT_TRUE(publisher_->done());
  EXPECT_TRUE(group_.commands.empty());
}

TEST_F(PublisherTest, TriesAgainAfterAPauseUntilItIsApplied) {
  ASSERT_TRUE(publisher_->Step(now_).ok());
  ASSERT_TRUE(publisher_->Step(now_ + milliseconds(2000)).ok());
  EXPECT_EQ(group_.commands.size(), 1U) << "while one is on its way, no second one";

  group_.Answer(raft::MakeRaftError(raft::RaftError::kNoLeader, "nobody leads"));
  ASSERT_TRUE(publisher_->Step(now_ + milliseconds(100)).ok());
  EXPECT_EQ(group_.commands.size(), 1U);
  ASSERT_TRUE(publisher_->Step(now_ + milliseconds(2000)).ok());
  EXPECT_EQ(group_.commands.size(), 2U);
}

TEST_F(PublisherTest, ARefusalByTheClusterIsFinal) {
  ASSERT_TRUE(publisher_->Step(now_).ok());
  group_.Answer(Result(absl::FailedPreconditionError("member 5 has lost its data")));

  EXPECT_TRUE(absl::IsFailedPrecondition(publisher_->Step(now_)));
}

TEST_F(PublisherTest, AnAnswerMayComeAfterItsEnd) {
  ASSERT_TRUE(publisher_->Step(now_).ok());
  publisher_.reset();
  group_.Answer(raft::MakeRaftError(raft::RaftError::kStopped, "stopped"));
}

}  // namespace
}  // namespace cairn::node
