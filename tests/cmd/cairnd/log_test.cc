#include "cmd/cairnd/log.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace cairn::node {
namespace {

TEST(Log, TextPutsFieldsBehindTheMessage) {
  EXPECT_EQ(LineAsText("it happened", {{"revision", "7"}, {"why", "two words"}, {"empty", ""}}),
            R"(it happened revision=7 why="two words" empty="")");
}

TEST(Log, AValueCannotBeginALineOfItsOwn) {
  EXPECT_EQ(LineAsText("m", {{"k", "a\nerror forged"}}), R"(m k="a\nerror forged")");
}

TEST(Log, JsonIsJsonWhateverTheMessage) {
  const std::string nasty = "quote \" backslash \\ newline \n tab \t control \x01";
  const auto parsed = nlohmann::json::parse("{" + MembersAsJson(nasty, {{"key", nasty}}) + "}");

  EXPECT_EQ(parsed["msg"], nasty);
  EXPECT_EQ(parsed["key"], nasty);
}

TEST(Log, RefusesAFileThatCannotBeOpened) {
  LogSettings settings;
  settings.outputs = {"/dev/null/log"};

  EXPECT_TRUE(absl::IsInvalidArgument(SetUpLog(settings)));
}

}  // namespace
}  // namespace cairn::node
