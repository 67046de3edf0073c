#include "kv/api/first_bytes.h"

#include <gtest/gtest.h>

#include <string>

#include "raft/base/rng.h"

namespace cairn::kv::api {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

TEST(FirstBytes, TheWholePrefaceIsHttp2WhateverFollows) {
  EXPECT_EQ(ClassifyFirstBytes(kPreface), Protocol::kHttp2);
  EXPECT_EQ(ClassifyFirstBytes(std::string(kPreface) + "\0\0\x12"), Protocol::kHttp2);
}

TEST(FirstBytes, EveryBeginningOfThePrefaceNeedsMore) {
  for (std::size_t length = 0; length < kPreface.size(); ++length) {
    EXPECT_EQ(ClassifyFirstBytes(kPreface.substr(0, length)), Protocol::kNeedMore) << length;
  }
}

TEST(FirstBytes, APrefaceWithOneWrongByteIsNotHttp2) {
  for (std::size_t at = 0; at < kPreface.size(); ++at) {
    std::string broken(kPreface);
    broken[at] = '\x01';
    EXPECT_EQ(ClassifyFirstBytes(broken), Protocol::kUnknown) << at;
  }
}

TEST(FirstBytes, MethodsOfHttp1) {
  for (const std::string method : {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"}) {
    EXPECT_EQ(ClassifyFirstBytes(method + " / HTTP/1.1\r\n"), Protocol::kHttp1) << method;
    EXPECT_EQ(ClassifyFirstBytes(method), Protocol::kNeedMore) << method;
    EXPECT_EQ(ClassifyFirstBytes(method + "X"), Protocol::kUnknown) << method;
  }
}

TEST(FirstBytes, TlsAndNoiseAreUnknown) {
  EXPECT_EQ(ClassifyFirstBytes("\x16\x03\x01\x02"), Protocol::kUnknown);
  EXPECT_EQ(ClassifyFirstBytes("SSH-2.0-OpenSSH\r\n"), Protocol::kUnknown);
  EXPECT_EQ(ClassifyFirstBytes("get / HTTP/1.1"), Protocol::kUnknown);
  EXPECT_EQ(ClassifyFirstBytes(std::string_view("\0", 1)), Protocol::kUnknown);
}

TEST(FirstBytes, NeverNeedsMoreThanItSays) {
  Rng rng(1);
  const std::string letters = "PRI * HTGEOSUDLN/2.0\r\n";
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes;
    while (bytes.size() < kFirstBytesNeeded) bytes.push_back(letters[rng.Below(letters.size())]);
    EXPECT_NE(ClassifyFirstBytes(bytes), Protocol::kNeedMore) << bytes;
  }
}

}  // namespace
}  // namespace cairn::kv::api
