#include "raft/replica/log_worker.h"

#include <absl/synchronization/notification.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "raft/base/status.h"
#include "tests/sim/sim_disk.h"

namespace cairn::raft {
namespace {

using ::testing::HasSubstr;

// Hears of failures; the rest is of no interest.
class Listener final : public ReplicaEvents {
 public:
  void OnLogPersisted(WriteNumber /*number*/) override {}
  void OnApplied(Index /*index*/) override {}
  void OnInstalled(SnapshotMeta /*meta*/) override {}
  void OnFlushed(EntryId /*flushed*/) override {}
  void OnPeerMessages(NodeId /*from*/, std::vector<PeerMessage> /*messages*/) override {}
  void OnPeerUnreachable(NodeId /*peer*/) override {}
  void OnStreamBroken(NodeId /*peer*/) override {}
  void OnSnapshotSent(NodeId /*to*/, std::optional<Index> /*index*/) override {}
  void OnSnapshotReceived(NodeId /*from*/, Term /*term*/, std::unique_ptr<SnapshotSink> /*sink*/) override {}
  void OnFatal(absl::Status /*status*/) override { failed.Notify(); }

  absl::Notification failed;
};

LogWrite Vote(std::uint64_t term) {
  return {.number = WriteNumber{term}, .hard_state = HardState{Term{term}, NodeId{1}}, .entries = {}};
}

class LogWorkerTest : public ::testing::Test {
 protected:
  SimDisk disk_;  // Of the worker's thread from Start() on.
  ReplicaMetrics metrics_;
  Listener listener_;
  LogWorker worker_{SegmentedLog::Open(disk_, {.segment_bytes = 1 << 16, .spare_segments = 0}).value().log,
                    metrics_};
};

TEST_F(LogWorkerTest, StoppingWritesWhatWaits) {
  worker_.Write(Vote(3));
  worker_.Start(listener_);
  EXPECT_TRUE(worker_.Stop().ok());
  EXPECT_EQ(SegmentedLog::Open(disk_, {}).value().contents.hard_state.term, Term{3});
}

// The runtime has closed its inbox by then, so OnFatal() goes nowhere.
TEST_F(LogWorkerTest, StoppingSaysThatTheLastWriteFailed) {
  disk_.FailAt(disk_.operations().size(), absl::DataLossError("input/output error"));
  worker_.Write(Vote(3));
  worker_.Start(listener_);
  EXPECT_THAT(std::string(MessageOf(worker_.Stop())), HasSubstr("writing the log: input/output error"));
  EXPECT_TRUE(listener_.failed.HasBeenNotified());
  EXPECT_FALSE(worker_.Stop().ok());
}

TEST_F(LogWorkerTest, StoppingSaysThatAnEarlierWriteFailed) {
  disk_.FailAt(disk_.operations().size(), absl::DataLossError("input/output error"));
  worker_.Start(listener_);
  worker_.Write(Vote(3));
  listener_.failed.WaitForNotification();
  EXPECT_FALSE(worker_.Stop().ok());
}

}  // namespace
}  // namespace cairn::raft
