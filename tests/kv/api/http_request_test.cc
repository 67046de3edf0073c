#include "kv/api/http_request.h"

#include <gtest/gtest.h>

#include <string>
#include <variant>

#include "raft/base/rng.h"

namespace cairn::kv::api {
namespace {

HttpRequest Parsed(const std::string& head) {
  const HttpParsed parsed = ParseHttpHead(head);
  EXPECT_TRUE(std::holds_alternative<HttpHead>(parsed)) << head;
  return std::holds_alternative<HttpHead>(parsed) ? std::get<HttpHead>(parsed).request : HttpRequest{};
}

int Refusal(const std::string& head) {
  const HttpParsed parsed = ParseHttpHead(head);
  return std::holds_alternative<HttpBad>(parsed) ? std::get<HttpBad>(parsed).status : 0;
}

TEST(HttpHeadParser, SplitsTheTarget) {
  const HttpRequest request =
      Parsed("GET /health?exclude=A%20B&exclude=C&serializable=true&x HTTP/1.1\r\n\r\n");
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.path, "/health");
  EXPECT_EQ(request.QueryValues("exclude"), (std::vector<std::string>{"A B", "C"}));
  EXPECT_EQ(request.QueryValues("serializable"), std::vector<std::string>{"true"});
  EXPECT_TRUE(request.HasQuery("x"));
  EXPECT_FALSE(request.HasQuery("y"));
}

TEST(HttpHeadParser, TakesAbsoluteTargets) {
  EXPECT_EQ(Parsed("GET http://host:2379/version HTTP/1.1\r\n\r\n").path, "/version");
  EXPECT_EQ(Parsed("GET http://host HTTP/1.1\r\n\r\n").path, "/");
}

TEST(HttpHeadParser, NeedsTheEmptyLine) {
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  for (std::size_t length = 0; length < head.size(); ++length) {
    EXPECT_TRUE(std::holds_alternative<HttpNeedMore>(ParseHttpHead(head.substr(0, length)))) << length;
  }
  const HttpParsed parsed = ParseHttpHead(head + "next");
  ASSERT_TRUE(std::holds_alternative<HttpHead>(parsed));
  EXPECT_EQ(std::get<HttpHead>(parsed).bytes, head.size());
}

TEST(HttpHeadParser, KnowsWhenToCloseTheConnection) {
  EXPECT_TRUE(Parsed("GET / HTTP/1.1\r\n\r\n").keep_alive);
  EXPECT_FALSE(Parsed("GET / HTTP/1.0\r\n\r\n").keep_alive);
  EXPECT_FALSE(Parsed("GET / HTTP/1.1\r\nCONNECTION: Close\r\n\r\n").keep_alive);
  EXPECT_TRUE(Parsed("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").keep_alive);
}

TEST(HttpHeadParser, RefusesWhatItCannotBound) {
  EXPECT_EQ(Refusal("POST / HTTP/1.1\r\nContent-Length: 65537\r\n\r\n"), 413);
  EXPECT_EQ(Refusal("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n"), 400);
  EXPECT_EQ(Refusal("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"), 400);
  EXPECT_EQ(Refusal("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"), 411);
  EXPECT_EQ(Refusal("GET /" + std::string(kMaxHttpHeadBytes, 'a')), 431);
}

TEST(HttpHeadParser, RefusesNonsense) {
  EXPECT_EQ(Refusal("GET /\r\n\r\n"), 400);
  EXPECT_EQ(Refusal("GET  HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(Refusal("GET / HTTP/3.0\r\n\r\n"), 505);
  EXPECT_EQ(Refusal("GET / HTTP/1.1\r\nno colon\r\n\r\n"), 400);
  EXPECT_EQ(Refusal("\r\n\r\n"), 400);
}

TEST(HttpHeadParser, SurvivesArbitraryBytes) {
  Rng rng(7);
  const std::string alphabet("GET /?&=%0aF:\r\nHTTP/1. \0\xff", 25);
  for (int round = 0; round < 50'000; ++round) {
    std::string bytes;
    for (std::uint64_t n = rng.Below(80); n > 0; --n) bytes.push_back(alphabet[rng.Below(alphabet.size())]);
    if (rng.Chance(1, 2)) bytes += "\r\n\r\n";
    const HttpParsed parsed = ParseHttpHead(bytes);
    if (const auto* head = std::get_if<HttpHead>(&parsed)) {
      EXPECT_LE(head->bytes, bytes.size());
    }
  }
}

}  // namespace
}  // namespace cairn::kv::api
