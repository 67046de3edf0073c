#include "kv/client/client.h"

#include <gtest/gtest.h>

#include "raft/base/status.h"
#include "tests/kv/client/fake_cluster.h"

namespace cairn::kv::client {
namespace {

using std::chrono::milliseconds;
using testing::FakeCluster;

pb::PutRequest PutOf(const std::string& key, const std::string& value) {
  pb::PutRequest request;
  request.set_key(key);
  request.set_value(value);
  return request;
}

pb::RangeRequest GetOf(const std::string& key) {
  pb::RangeRequest request;
  request.set_key(key);
  return request;
}

TEST(Client, PutsAndGets) {
  FakeCluster cluster(1);
  Client client(cluster.endpoints());
  ASSERT_TRUE(client.kv().Put(PutOf("k", "v")).ok());
  const auto response = client.kv().Get(GetOf("k"));
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->kvs(0).value(), "v");
}

TEST(Client, FailsOverWhenANodeDies) {
  FakeCluster cluster(3);
  Client client(cluster.endpoints());
  ASSERT_TRUE(client.kv().Put(PutOf("k", "1")).ok());
  cluster.Kill(0);
  EXPECT_TRUE(client.kv().Get(GetOf("k")).ok());
  EXPECT_TRUE(client.kv().Put(PutOf("k", "2")).ok());
  cluster.Kill(1);
  EXPECT_TRUE(client.kv().Get(GetOf("k")).ok());
}

TEST(Client, FindsANodeThatCameBack) {
  FakeCluster cluster(1);
  Client client(cluster.endpoints());
  ASSERT_TRUE(client.kv().Put(PutOf("k", "1")).ok());
  cluster.Kill(0);
  CallOptions quick;
  quick.timeout = milliseconds(300);
  quick.dial_timeout = milliseconds(100);
  EXPECT_TRUE(absl::IsUnavailable(client.kv().Get(GetOf("k"), quick).status()));
  cluster.Restart(0);
  EXPECT_TRUE(client.kv().Get(GetOf("k")).ok());
}

TEST(Client, RemembersWhichNodeWorks) {
  FakeCluster cluster(2);
  Client client(cluster.endpoints());
  cluster.FailWith(0, {grpc::StatusCode::UNAVAILABLE, "etcdserver: no leader"});
  ASSERT_TRUE(client.kv().Get(GetOf("k")).ok());
  const int asked = cluster.calls(0);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(client.kv().Get(GetOf("k")).ok());
  EXPECT_EQ(cluster.calls(0), asked);
}

TEST(Client, AReadLeavesAFrozenNode) {
  FakeCluster cluster(2);
  Client client(cluster.endpoints());
  cluster.Freeze(0);
  CallOptions options;
  options.attempt_timeout = milliseconds(100);
  EXPECT_TRUE(client.kv().Get(GetOf("k"), options).ok());
  EXPECT_EQ(cluster.calls(0), 1);
  cluster.Thaw(0);
}

TEST(Client, AWriteToAFrozenNodeEndsWithItsDeadlineAndAnUnknownOutcome) {
  FakeCluster cluster(2);
  Client client(cluster.endpoints());
  cluster.Freeze(0);
  CallOptions options;
  options.timeout = milliseconds(150);
  const auto start = std::chrono::steady_clock::now();
  const absl::Status status = client.kv().Put(PutOf("k", "v"), options).status();
  EXPECT_TRUE(absl::IsDeadlineExceeded(status));
  EXPECT_EQ(OutcomeOf(status), Outcome::kUnknown);
  EXPECT_EQ(EndpointOf(status), cluster.endpoints()[0].name);
  EXPECT_EQ(cluster.calls(1), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - start, milliseconds(3000));
  cluster.Thaw(0);
}

TEST(Client, AnErrorNamesTheEndpointAndWhatToTry) {
  std::vector<Endpoint> nobody;
  {
    FakeCluster cluster(1);
    nobody = cluster.endpoints();
  }
  Client client(nobody);
  CallOptions options;
  options.dial_timeout = milliseconds(100);
  const absl::Status status = client.kv().Put(PutOf("k", "v"), options).status();
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_EQ(OutcomeOf(status), Outcome::kNotApplied);
  EXPECT_EQ(EndpointOf(status), nobody[0].name);
  EXPECT_NE(AdviceOf(status).find("running"), std::string::npos);
}

}  // namespace
}  // namespace cairn::kv::client
