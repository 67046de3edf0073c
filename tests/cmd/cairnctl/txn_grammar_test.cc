#include "cmd/cairnctl/txn_grammar.h"

#include <gtest/gtest.h>

#include "cmd/cairnctl/exit_code.h"
#include "raft/base/status.h"

namespace cairn::ctl {
namespace {

using Words = std::vector<std::string>;

absl::StatusOr<pb::TxnRequest> Read(Words lines, Words* titles = nullptr) {
  std::size_t next = 0;
  return ReadTxn(
      [&]() { return next < lines.size() ? std::optional<std::string>(lines[next++]) : std::nullopt; },
      [&](std::string_view title) {
        if (titles != nullptr) titles->emplace_back(title);
      });
}

TEST(SplitArguments, UnderstandsBothKindsOfQuotes) {
  EXPECT_EQ(*SplitArguments(R"(  put "a b\x41\n" 'single quoted' --lease=1	x)"),
            (Words{"put", "a bA\n", "single quoted", "--lease=1", "x"}));
  EXPECT_EQ(*SplitArguments(R"(it's)"), (Words{"it's"}));
  EXPECT_EQ(*SplitArguments(R"("" '')"), (Words{"", ""}));
  EXPECT_FALSE(SplitArguments("\"open").ok());
  EXPECT_FALSE(SplitArguments("'open").ok());
}

TEST(Comparison, KnowsAllTargetsAndOperators) {
  const auto value = ParseComparison(R"(value("key one") = "text")");
  ASSERT_TRUE(value.ok());
  EXPECT_EQ(value->target(), pb::Compare::VALUE);
  EXPECT_EQ(value->key(), "key one");
  EXPECT_EQ(value->value(), "text");
  EXPECT_EQ(value->result(), pb::Compare::EQUAL);
  EXPECT_EQ(ParseComparison(R"(val("k") != "x")")->result(), pb::Compare::NOT_EQUAL);
  EXPECT_EQ(ParseComparison(R"(ver("k") > "3")")->version(), 3);
  EXPECT_EQ(ParseComparison(R"(version("k") < "-1")")->version(), -1);
  EXPECT_EQ(ParseComparison(R"(c("k") = "4")")->create_revision(), 4);
  EXPECT_EQ(ParseComparison(R"(mod("k") = "5")")->mod_revision(), 5);
  EXPECT_EQ(ParseComparison(R"(lease("k") = "1f")")->lease(), 31);
}

TEST(Comparison, RefusalsQuoteTheLineAndExitAsBadInput) {
  const auto error = [](const char* line) {
    const absl::Status status = ParseComparison(line).status();
    EXPECT_EQ(ExitCodeOf(status), kInvalidInput) << line;
    return std::string(MessageOf(status));
  };
  EXPECT_EQ(error("bogus"), "malformed comparison: bogus");
  EXPECT_EQ(error(R"(foo("a") = "b")"), R"(malformed comparison: foo("a") = "b" (unknown target foo))");
  EXPECT_EQ(error(R"(value(a) = b)"), R"(malformed comparison: value(a) = b; got value("")  "")");
  EXPECT_EQ(error(R"(value("a") = 4)"), R"(malformed comparison: value("a") = 4; got value("a") = "")");
  EXPECT_EQ(error(R"(mod("a") = "b")"), R"(invalid txn compare request: mod("a") = "b")");
  error(R"(value("a") ~ "b")");
  error(R"(value("a") >= "b")");
  error(R"(value("a") = "b" trailing)");
}

TEST(Request, TakesTheFlagsOfTheCommands) {
  const auto get = ParseRequest("get a --prefix --keys-only");
  ASSERT_TRUE(get.ok());
  EXPECT_EQ(get->request_range().range_end(), "b");
  EXPECT_TRUE(get->request_range().keys_only());
  EXPECT_EQ(ParseRequest(R"(put k "v w" --prev-kv)")->request_put().value(), "v w");
  EXPECT_EQ(ParseRequest("del a c")->request_delete_range().range_end(), "c");
}

TEST(Request, RefusesWhatCannotBeRun) {
  const auto error = [](const char* line) { return std::string(MessageOf(ParseRequest(line).status())); };
  EXPECT_EQ(error("put"), "invalid txn compare request: put");
  EXPECT_EQ(error("bogus x"), "invalid txn request: bogus x");
  EXPECT_EQ(error("get a --bogus"), "invalid txn request: get a --bogus");
  EXPECT_EQ(error("put only-a-key"), "invalid txn request: put only-a-key (no value)");
  EXPECT_EQ(ExitCodeOf(ParseRequest("del a --from-key --prefix").status()), kBadArguments);
}

TEST(Txn, HasThreePartsThatEndWithAnEmptyLine) {
  Words titles;
  const auto request = Read({R"(mod("a") > "0")", "", "put a 1", " get a ", "", "", "ignored"}, &titles);
  ASSERT_TRUE(request.ok()) << MessageOf(request.status());
  EXPECT_EQ(request->compare_size(), 1);
  EXPECT_EQ(request->success_size(), 2);
  EXPECT_EQ(request->failure_size(), 0);
  EXPECT_EQ(titles,
            (Words{"compares:", "success requests (get, put, del):", "failure requests (get, put, del):"}));
}

TEST(Txn, HalfATransactionIsNotRun) {
  EXPECT_EQ(MessageOf(Read({R"(mod("a") > "0")", "", "put a 1"}).status()), "EOF");
  EXPECT_FALSE(Read({}).ok());
}

}  // namespace
}  // namespace cairn::ctl
