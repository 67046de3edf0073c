#include "kv/store/memory_kv.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace cairn::kv::test {
namespace {

void Put(MemoryKv& kv, const std::string& key, const std::string& value) {
  const auto batch = kv.NewBatch();
  batch->Put(Family::kMeta, key, value);
  ASSERT_TRUE(kv.Write(*batch).ok());
}

std::string Get(MemoryKv& kv, const std::string& key, const KvSnapshot* snapshot) {
  const auto value = *kv.Get(Family::kMeta, key, snapshot);
  return value == nullptr ? "(none)" : std::string(value->bytes());
}

TEST(MemoryKv, WhatOnlyASnapshotKeptGoesWithIt) {
  MemoryKv kv;
  Put(kv, "a", "1");
  Put(kv, "b", "1");
  auto first = kv.NewSnapshot();
  Put(kv, "a", "2");
  auto second = kv.NewSnapshot();
  Put(kv, "a", "3");
  const auto batch = kv.NewBatch();
  batch->Delete(Family::kMeta, "b");
  ASSERT_TRUE(kv.Write(*batch).ok());
  EXPECT_EQ(kv.versions(), 5U);

  first.reset();
  EXPECT_EQ(Get(kv, "a", second.get()), "2");
  EXPECT_EQ(Get(kv, "b", second.get()), "1");
  EXPECT_EQ(kv.versions(), 4U) << "a=2 a=3 b=1 and b's deletion";
  second.reset();
  EXPECT_EQ(kv.versions(), 1U);
  EXPECT_EQ(Get(kv, "a", nullptr), "3");
  EXPECT_EQ(Get(kv, "b", nullptr), "(none)");
}

TEST(MemoryKv, AYoungerSnapshotThatGoesFirstLeavesWhatTheOlderOneSees) {
  MemoryKv kv;
  Put(kv, "a", "1");
  auto older = kv.NewSnapshot();
  Put(kv, "a", "2");
  auto younger = kv.NewSnapshot();
  Put(kv, "a", "3");
  younger.reset();
  EXPECT_EQ(Get(kv, "a", older.get()), "1");
  older.reset();
  EXPECT_EQ(kv.versions(), 1U);
}

}  // namespace
}  // namespace cairn::kv::test
