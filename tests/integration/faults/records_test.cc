// The records that the checks rest on: an error in them would let lost writes pass.

#include <gtest/gtest.h>

#include "tests/integration/faults/history.h"
#include "tests/integration/faults/key_board.h"

namespace cairn::faults {
namespace {

TEST(History, AgreementIsNoViolation) {
  Verdict verdict;
  History history(10, verdict);
  history.Learn(12, {.key = "b", .sequence = 1}, "acknowledgement");
  history.Learn(11, {.key = "a", .sequence = 1}, "watcher 1");
  history.Learn(12, {.key = "b", .sequence = 1}, "watcher 1");
  EXPECT_EQ(verdict.count(), 0);
  EXPECT_EQ(history.last(), 12);
}

TEST(History, TwoStoriesAboutARevisionAreAViolation) {
  Verdict verdict;
  History history(10, verdict);
  history.Learn(11, {.key = "a", .sequence = 1}, "watcher 1");
  history.Learn(11, {.key = "a", .sequence = 2}, "watcher 2");
  history.Learn(11, {.key = "b", .sequence = 1}, "watcher 3");
  EXPECT_EQ(verdict.count(), 2);
  EXPECT_NE(verdict.words()[0].find("watcher 2: revision 11"), std::string::npos);
}

TEST(History, NothingHappensBeforeTheBeginning) {
  Verdict verdict;
  History history(10, verdict);
  history.Learn(10, {.key = "a", .sequence = 1}, "watcher 1");
  EXPECT_EQ(verdict.count(), 1);
}

TEST(KeyBoard, KnowsWhatMustAndWhatMayBeThere) {
  KeyBoard board;
  board.Attempt("a");
  EXPECT_EQ(board.Get("a").acknowledged, 0);
  EXPECT_EQ(board.Get("a").attempted, 1);
  board.Acknowledge("a", 11);
  EXPECT_EQ(board.Get("a").acknowledged, 1);
  board.Attempt("a");
  EXPECT_EQ(board.Get("a").acknowledged, 1);
  EXPECT_EQ(board.Get("a").attempted, 2);
  board.Withdraw("a");
  EXPECT_EQ(board.Get("a").attempted, 1);
  EXPECT_EQ(board.revision(), 11);
  EXPECT_EQ(board.acknowledgements(), 1);
}

TEST(KeyBoard, PicksFromKeysInUseLately) {
  KeyBoard board;
  Rng rng(1);
  EXPECT_FALSE(board.Pick(rng).has_value());
  for (int i = 0; i < 100; ++i) {
    board.Attempt(std::to_string(i));
    board.Acknowledge(std::to_string(i), i + 2);
  }
  for (int i = 0; i < 50; ++i) EXPECT_GE(std::stoi(*board.Pick(rng)), 84);
}

TEST(Verdict, CountsAllAndKeepsTheFirst) {
  Verdict verdict;
  for (int i = 0; i < 100; ++i) verdict.Violation(std::to_string(i));
  EXPECT_EQ(verdict.count(), 100);
  EXPECT_EQ(verdict.words().size(), 20U);
  EXPECT_EQ(verdict.words().front(), "0");
}

}  // namespace
}  // namespace cairn::faults
