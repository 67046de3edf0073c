#include "cmd/cairnd/sealed_file.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "tests/sim/sim_disk.h"

namespace cairn::node {
namespace {

using raft::SimDisk;
using raft::Survival;

constexpr const char* kOld = "format 1\nage 1\n";
constexpr const char* kNew = "format 1\nage 2\n";

// 0: there is no whole file.
std::uint64_t AgeIn(SimDisk& disk) {
  const absl::StatusOr<std::string> text = ReadSealed(disk, "file");
  if (!text.ok()) return 0;
  absl::StatusOr<std::string_view> fields = FieldsOf(*text, 1, "file");
  std::uint64_t age = 0;
  return fields.ok() && TakeField(*fields, "age", 10, age) ? age : 0;
}

TEST(SealedFile, IsTheOldOrTheNewOneWheneverThePowerGoes) {
  SimDisk before;
  ASSERT_TRUE(ReplaceSealed(before, "file", kOld).ok());
  bool done = false;
  for (std::uint64_t operation = before.operations().size(); !done; ++operation) {
    for (const auto names : {Survival::Names::kNone, Survival::Names::kAll}) {
      const auto disk = before.Clone();
      disk->CrashAt(operation);
      done = ReplaceSealed(*disk, "file", kNew).ok();
      disk->LosePower({.names = names});
      const std::uint64_t age = AgeIn(*disk);
      EXPECT_TRUE(age == 2 || (age == 1 && !done)) << "at operation " << operation;
    }
  }
}

// Whoever wrote it was killed before it was durable; who has read it acts on it.
TEST(SealedFile, WhatWasReadStays) {
  SimDisk disk;
  ASSERT_TRUE(ReplaceSealed(disk, "file", kOld).ok());
  const std::uint64_t operations = disk.operations().size();
  disk.CrashAt(2 * operations - 1);  // The last one: the directory's sync.
  ASSERT_FALSE(ReplaceSealed(disk, "file", kNew).ok());
  disk.KillProcess();
  ASSERT_EQ(AgeIn(disk), 2U);
  disk.LosePower({});
  EXPECT_EQ(AgeIn(disk), 2U);
}

TEST(SealedFile, TooLongAOneIsNotWritten) {
  SimDisk disk;
  EXPECT_TRUE(absl::IsResourceExhausted(ReplaceSealed(disk, "file", std::string(1 << 20, 'x'))));
  EXPECT_FALSE(disk.Exists("file"));
}

}  // namespace
}  // namespace cairn::node
