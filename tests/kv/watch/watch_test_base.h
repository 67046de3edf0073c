#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "kv/watch/hub.h"
#include "tests/kv/watch/fake_store.h"
#include "tests/kv/watch/test_client.h"

namespace cairn::kv {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Where a prefix ends: REQUIRES that its last byte is not 0xff.
inline std::string PrefixEnd(std::string prefix) {
  ++prefix.back();
  return prefix;
}

// A store, a hub that it feeds, and one stream.
class WatchTest : public ::testing::Test {
 protected:
  explicit WatchTest(const WatchOptions& options = {})
      : hub(Hub::Create(store, TestIdentity(), options)), client(*hub) {
    store.SetFeed(hub.get());
  }

  FakeStore store;
  std::unique_ptr<Hub> hub;
  TestClient client;
};

}  // namespace cairn::kv
