#include "cmd/cairnctl/go_text.h"

#include <gtest/gtest.h>

#include "cmd/cairnctl/go_json.h"
#include "kv/client/proto.h"

namespace cairn::ctl {
namespace {

TEST(Quoted, EscapesAsGoDoes) {
  EXPECT_EQ(Quoted("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(Quoted("\a\b\f\n\r\t\v"), R"("\a\b\f\n\r\t\v")");
  EXPECT_EQ(Quoted(std::string("\0\x1f\x7f", 3)), R"("\x00\x1f\x7f")");
  EXPECT_EQ(Quoted("\xc3\xa9\xff"), "\"\xc3\xa9\\xff\"");
  EXPECT_EQ(Quoted("\xe2\x80\xa8"), R"("\u2028")");
  EXPECT_EQ(Quoted("\xc0\x80"), R"("\xc0\x80")");  // An overlong form is not UTF-8.
}

TEST(Unquote, UndoesQuoted) {
  for (const std::string& bytes :
       {std::string("a b"), std::string("\0\xff\"\\\n", 5), std::string("\xe2\x82\xac")}) {
    const auto unquoted = Unquote(Quoted(bytes) + " rest");
    ASSERT_TRUE(unquoted.has_value());
    EXPECT_EQ(unquoted->bytes, bytes);
    EXPECT_EQ(unquoted->length, Quoted(bytes).size());
  }
}

TEST(Unquote, RefusesWhatIsNotAString) {
  for (const char* text : {"", "a", "\"a", "\"\\q\"", "\"\\x4\"", "\"\\ud800\"", "'a'"}) {
    EXPECT_FALSE(Unquote(text).has_value()) << text;
  }
  EXPECT_EQ(Unquote(R"("\x41\u00e9\101")")->bytes,
            "A\xc3\xa9"
            "A");
}

TEST(GoDuration, DropsZerosAtTheEnd) {
  EXPECT_EQ(GoDuration(0), "0s");
  EXPECT_EQ(GoDuration(15), "15ns");
  EXPECT_EQ(GoDuration(1'500), "1.5µs");
  EXPECT_EQ(GoDuration(1'071'489), "1.071489ms");
  EXPECT_EQ(GoDuration(2'000'000'000), "2s");
  EXPECT_EQ(GoDuration(90'050'000'000), "1m30.05s");
  EXPECT_EQ(GoDuration(3'661'000'000'000), "1h1m1s");
}

TEST(HumanBytes, HasTwoDigits) {
  EXPECT_EQ(HumanBytes(9), "9 B");
  EXPECT_EQ(HumanBytes(999), "999 B");
  EXPECT_EQ(HumanBytes(1'000), "1.0 kB");
  EXPECT_EQ(HumanBytes(20'480), "20 kB");
  EXPECT_EQ(HumanBytes(1'550'000), "1.6 MB");
}

TEST(Base64, PadsToFour) {
  EXPECT_EQ(Base64(""), "");
  EXPECT_EQ(Base64("a"), "YQ==");
  EXPECT_EQ(Base64("ab"), "YWI=");
  EXPECT_EQ(Base64("abc"), "YWJj");
  EXPECT_EQ(Base64("\xff\xfe"), "//4=");
}

TEST(HexBytes, EachByteIsEscaped) { EXPECT_EQ(HexBytes("a\xff"), R"(\x61\xff)"); }

TEST(JsonString, EscapesForHtmlLikeGo) {
  EXPECT_EQ(JsonString("a\"\\<>&\n\x01\xff"), R"("a\"\\\u003c\u003e\u0026\n\u0001\ufffd")");
}

TEST(GoJson, WrapsOneofsAndDropsZeros) {
  etcdserverpb::TxnResponse response;
  response.mutable_header()->set_revision(7);
  response.add_responses()->mutable_response_put()->mutable_header()->set_revision(7);
  response.add_responses()->mutable_response_range()->set_count(1);
  EXPECT_EQ(GoJson(response),
            R"({"header":{"revision":7},"responses":[{"Response":{"ResponsePut":{"header":{"revision":7}}}},)"
            R"({"Response":{"ResponseRange":{"count":1}}}]})");
}

}  // namespace
}  // namespace cairn::ctl
