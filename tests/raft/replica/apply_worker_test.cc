#include "raft/replica/apply_worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "raft/base/status.h"
#include "tests/raft/replica/one_replica.h"

namespace cairn::raft {
namespace {

// Remembers who destroyed it.
class MortalSink final : public SnapshotSink {
 public:
  explicit MortalSink(std::thread::id& buried_by) : buried_by_(buried_by) {}
  ~MortalSink() override { buried_by_ = std::this_thread::get_id(); }
  const SnapshotMeta& meta() const override { return meta_; }
  Position next() const override { return {}; }
  absl::Status Write(Position, std::string_view) override { return absl::OkStatus(); }
  absl::Status Finish() override { return absl::OkStatus(); }

 private:
  std::thread::id& buried_by_;
  SnapshotMeta meta_;
};

// The destructor of a real one closes a store and removes its files.
TEST(ApplyWorker, AnUnwantedSnapshotIsLetGoByTheAppliersThread) {
  TestMachine machine;
  ReplicaMetrics metrics;
  std::thread::id buried_by;
  OneReplica events;  // Hears nothing.
  ApplyWorker worker(machine, metrics);
  worker.Start(events.replica);
  worker.Discard(std::make_unique<MortalSink>(buried_by));
  EXPECT_TRUE(worker.Stop().ok());
  EXPECT_NE(buried_by, std::thread::id());
  EXPECT_NE(buried_by, std::this_thread::get_id());
}

// The runtime has closed its inbox by then, so OnFatal() goes nowhere.
TEST(ApplyWorker, StoppingSaysThatTheLastBatchFailed) {
  TestMachine machine;
  machine.applying = absl::DataLossError("a bad block");
  ReplicaMetrics metrics;
  OneReplica events;
  ApplyWorker worker(machine, metrics);
  std::vector<ApplyItem> items;
  items.push_back({.entry = CommandEntry(Term{1}, Index{1}), .done = nullptr});
  worker.Apply(std::move(items));
  worker.Start(events.replica);
  EXPECT_THAT(std::string(MessageOf(worker.Stop())), testing::HasSubstr("applying: a bad block"));
  EXPECT_FALSE(worker.Stop().ok());
}

}  // namespace
}  // namespace cairn::raft
