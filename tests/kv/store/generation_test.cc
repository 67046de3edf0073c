#include "kv/store/generation.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <utility>

#include "kv/store/memory_kv.h"
#include "kv/store/store.h"
#include "kv/store/view.h"
#include "kv/store/worker.h"

namespace cairn::kv::test {
namespace {

std::shared_ptr<Generation> OpenGeneration(bool& removed) {
  Members members;
  members.config.voters = {raft::NodeId{1}};
  members.members = {MemberInfo{.id = raft::NodeId{1}}};
  return *Generation::Open(
      {.kv = std::make_shared<MemoryKv>(), .name = "memory", .remove = [&removed] { removed = true; }}, {},
      &members);
}

TEST(Generation, ARetiredOneIsClosedAndRemovedByTheWorkerAndNotByItsLastReader) {
  bool removed = false;
  std::shared_ptr<Generation> generation = OpenGeneration(removed);
  ManualWorker worker;
  generation->CloseElsewhere([&worker](absl::AnyInvocable<void()> close) {
    worker.Post(Worker::Urgency::kWhenIdle, std::move(close));
  });
  std::optional<View> view = *View::Take(generation);
  generation->Retire();
  generation.reset();
  view.reset();
  EXPECT_FALSE(removed);
  worker.RunAll();
  EXPECT_TRUE(removed);
}

TEST(Generation, ARetiredOneGoesAtOnceWhenThereIsNoWorkerAnyMore) {
  bool removed = false;
  std::shared_ptr<Generation> generation = OpenGeneration(removed);
  generation->CloseElsewhere([](const absl::AnyInvocable<void()>&) {});
  generation->Retire();
  generation.reset();
  EXPECT_TRUE(removed);
}

TEST(Generation, OneThatIsNotRetiredKeepsItsFiles) {
  bool removed = false;
  OpenGeneration(removed).reset();
  EXPECT_FALSE(removed);
}

}  // namespace
}  // namespace cairn::kv::test
