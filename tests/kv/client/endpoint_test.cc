#include "kv/client/endpoint.h"

#include <gtest/gtest.h>

#include "kv/client/kv.h"
#include "raft/base/status.h"

namespace cairn::kv::client {
namespace {

TEST(Endpoint, KeepsTheNameAndFindsTheTarget) {
  const auto plain = ParseEndpoint("127.0.0.1:2379");
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ(plain->target, "127.0.0.1:2379");
  const auto url = ParseEndpoint("http://[::1]:2379/");
  ASSERT_TRUE(url.ok());
  EXPECT_EQ(url->name, "http://[::1]:2379/");
  EXPECT_EQ(url->target, "[::1]:2379");
  EXPECT_EQ(ParseEndpoint("unix:///run/cairn")->target, "unix:/run/cairn");
}

TEST(Endpoint, RefusesWhatCannotBeDialled) {
  for (const char* text : {"", "host", ":2379", "host:", "host:0", "host:65536", "host:12x", "http://host",
                           "a/b:1", "unix://"}) {
    EXPECT_FALSE(ParseEndpoint(text).ok()) << text;
  }
}

TEST(Endpoint, RefusesTlsRatherThanSpeakingInTheClear) {
  const absl::Status status = ParseEndpoint("https://host:2379").status();
  EXPECT_NE(MessageOf(status).find("TLS"), std::string_view::npos);
}

TEST(Endpoint, ListsAreSeparatedByCommas) {
  const auto list = ParseEndpoints("a:1,http://b:2");
  ASSERT_TRUE(list.ok());
  ASSERT_EQ(list->size(), 2U);
  EXPECT_EQ((*list)[1].target, "b:2");
  EXPECT_FALSE(ParseEndpoints("").ok());
  EXPECT_FALSE(ParseEndpoints("a:1,").ok() && ParseEndpoints("a:1,")->size() != 1);
}

TEST(PrefixEnd, RaisesTheLastByteThatCanBeRaised) {
  EXPECT_EQ(PrefixEnd("abc"), "abd");
  EXPECT_EQ(PrefixEnd("a\xff\xff"), "b");
  EXPECT_EQ(PrefixEnd("\xff"), std::string(1, '\0'));
}

}  // namespace
}  // namespace cairn::kv::client
