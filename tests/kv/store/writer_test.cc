#include "kv/store/writer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <thread>
#include <utility>

#include "kv/store/memory_kv.h"

namespace cairn::kv::test {
namespace {

std::shared_ptr<Generation> OpenGeneration(std::shared_ptr<MemoryKv> kv) {
  Members members;
  members.config.voters = {raft::NodeId{1}};
  members.members = {MemberInfo{.id = raft::NodeId{1}}};
  return *Generation::Open({.kv = std::move(kv), .name = "memory", .remove = {}}, {}, &members);
}

raft::EntryId Entry(std::uint64_t index) { return {.term = raft::Term{1}, .index = raft::Index{index}}; }

TEST(Writer, AReaderBesideASplitRequestFindsTheCompactionThatCameBeforeIt) {
  const std::shared_ptr<Generation> generation = OpenGeneration(std::make_shared<MemoryKv>());
  Writer writer(generation, {.batch_bytes = 1});
  writer.Put("a", "1", LeaseId{0}, std::nullopt);
  writer.EndEntry(Entry(1), ClusterTime{1});
  writer.SetCompacted(Revision{2});
  writer.EndEntry(Entry(2), ClusterTime{2});
  writer.Put("b", "1", LeaseId{0}, std::nullopt);
  ASSERT_TRUE(writer.SplitIfLarge().ok());

  std::promise<std::pair<Revision, Revision>> taken;
  std::future<std::pair<Revision, Revision>> seen = taken.get_future();
  std::thread reader([&] {
    const absl::StatusOr<View> view = View::Take(generation);
    taken.set_value({view->current(), view->compacted()});
  });
  const bool before_the_end = seen.wait_for(std::chrono::seconds(10)) == std::future_status::ready;
  EXPECT_TRUE(writer.TakeVisible().compacted.has_value());
  writer.EndEntry(Entry(3), ClusterTime{3});
  ASSERT_TRUE(writer.Commit().ok());
  reader.join();

  EXPECT_TRUE(before_the_end);
  EXPECT_EQ(seen.get(), std::pair(Revision{2}, Revision{2}));
  EXPECT_EQ(generation->current(), Revision{3});
}

TEST(Writer, TheFeedHearsOfEveryRevisionOnceThoughARequestWasSplit) {
  const std::shared_ptr<Generation> generation = OpenGeneration(std::make_shared<MemoryKv>());
  Writer writer(generation, {.batch_bytes = 1});
  writer.Put("a", "1", LeaseId{0}, std::nullopt);
  writer.EndEntry(Entry(1), ClusterTime{1});
  writer.Put("b", "1", LeaseId{0}, std::nullopt);
  ASSERT_TRUE(writer.SplitIfLarge().ok());
  writer.Put("c", "1", LeaseId{0}, std::nullopt);
  ASSERT_TRUE(writer.SplitIfLarge().ok());
  EXPECT_EQ(generation->state().applied, Entry(1));
  writer.EndEntry(Entry(2), ClusterTime{2});
  ASSERT_TRUE(writer.Commit().ok());
  const Writer::Visible visible = writer.TakeVisible();
  ASSERT_EQ(visible.revisions.size(), 2U);
  EXPECT_EQ(visible.revisions[0]->revision, Revision{2});
  EXPECT_EQ(visible.revisions[1]->revision, Revision{3});
  EXPECT_EQ(visible.revisions[1]->events.size(), 2U);
}

}  // namespace
}  // namespace cairn::kv::test
