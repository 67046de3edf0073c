#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "kv/api/http_request.h"
#include "kv/api/methods.h"
#include "tests/kv/api/api_test_base.h"

namespace cairn::kv::api {
namespace {

class Http : public ApiTest {};

TEST_F(Http, VersionIsThreeIntegers) {
  Start();
  const std::string answer = HttpGet(port_, "/version");
  EXPECT_EQ(StatusOf(answer), 200);
  EXPECT_EQ(BodyOf(answer), R"({"etcdserver":"3.6.0","etcdcluster":"3.6.0","storage":"3.6.0"})");
  EXPECT_NE(answer.find("Content-Type: application/json\r\n"), std::string::npos);
}

TEST_F(Http, EveryAnswerAllowsOtherOrigins) {
  Start();
  for (const std::string path : {"/version", "/nowhere"}) {
    const std::string answer = HttpGet(port_, path);
    EXPECT_NE(answer.find("Access-Control-Allow-Methods: POST, GET, OPTIONS, PUT, DELETE\r\n"),
              std::string::npos);
    EXPECT_NE(answer.find("Access-Control-Allow-Origin: *\r\n"), std::string::npos);
    EXPECT_NE(answer.find("Access-Control-Allow-Headers: accept, content-type, authorization\r\n"),
              std::string::npos);
  }
  EXPECT_EQ(StatusOf(HttpGet(port_, "/anything", "OPTIONS")), 200);
}

TEST_F(Http, HealthIsALinearizableRead) {
  Start();
  const std::string answer = HttpGet(port_, "/health");
  EXPECT_EQ(StatusOf(answer), 200);
  EXPECT_EQ(BodyOf(answer), R"({"health":"true","reason":""})");
  EXPECT_EQ(group_.barriers(), 1U);
}

TEST_F(Http, HealthSaysWhyNot) {
  Start();
  group_.FailWith(raft::MakeRaftError(raft::RaftError::kTimeout, "no quorum"));
  std::string answer = HttpGet(port_, "/health");
  EXPECT_EQ(StatusOf(answer), 503);
  EXPECT_EQ(BodyOf(answer),
            "{\"health\":\"false\",\"reason\":\"RANGE ERROR:etcdserver: request timed out\"}\n");
  group_.SetLeader(std::nullopt);
  answer = HttpGet(port_, "/health");
  EXPECT_EQ(StatusOf(answer), 503);
  EXPECT_EQ(BodyOf(answer), "{\"health\":\"false\",\"reason\":\"RAFT NO LEADER\"}\n");
  EXPECT_EQ(StatusOf(HttpGet(port_, "/health?serializable=true")), 200);
}

TEST_F(Http, LivenessNeedsNoQuorumAndReadinessDoes) {
  Start();
  EXPECT_EQ(BodyOf(HttpGet(port_, "/livez")), "ok\n");
  EXPECT_EQ(BodyOf(HttpGet(port_, "/readyz")), "ok\n");
  EXPECT_EQ(
      BodyOf(HttpGet(port_, "/readyz?verbose")),
      "[+]data_corruption ok\n[+]serializable_read ok\n[+]linearizable_read ok\n[+]non_learner ok\nok\n");
  group_.SetLeader(std::nullopt);
  EXPECT_EQ(StatusOf(HttpGet(port_, "/livez")), 200);
  const std::string answer = HttpGet(port_, "/readyz");
  EXPECT_EQ(StatusOf(answer), 503);
  EXPECT_NE(answer.find("[-]linearizable_read failed: etcdserver: no leader\n"), std::string::npos);
  EXPECT_EQ(StatusOf(HttpGet(port_, "/readyz?exclude=linearizable_read")), 200);
  EXPECT_EQ(StatusOf(HttpGet(port_, "/readyz/linearizable_read")), 503);
  EXPECT_EQ(StatusOf(HttpGet(port_, "/readyz/serializable_read")), 200);
  EXPECT_EQ(StatusOf(HttpGet(port_, "/livez/linearizable_read")), 404);
}

TEST_F(Http, ALearnerIsNotReady) {
  Start();
  raft::GroupStatus status = group_.status();
  status.config.learners = {status.self};
  group_.SetStatus(status);
  EXPECT_EQ(StatusOf(HttpGet(port_, "/readyz")), 503);
  EXPECT_EQ(StatusOf(HttpGet(port_, "/livez")), 200);
}

TEST_F(Http, OtherPathsAndMethodsAreRefused) {
  Start();
  EXPECT_EQ(StatusOf(HttpGet(port_, "/v2/keys")), 404);
  EXPECT_EQ(StatusOf(HttpGet(port_, "/healthy")), 404);
  const std::string answer = HttpGet(port_, "/health", "POST");
  EXPECT_EQ(StatusOf(answer), 405);
  EXPECT_NE(answer.find("Allow: GET\r\n"), std::string::npos);
}

TEST_F(Http, OneConnectionServesManyRequests) {
  Start();
  RawClient client(port_);
  client.Send(
      "GET /version HTTP/1.1\r\n\r\nGET /livez HTTP/1.1\r\n\r\n");  // The second comes with the first.
  EXPECT_NE(client.ReadUntil("ok\n").find("etcdserver"), std::string::npos);
  client.Send("POST /nowhere HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello");
  client.ReadUntil("404 page not found");
  client.Send("GET /readyz?verbose HTTP/1.1\r\nConnection: close\r\n\r\n");
  client.ReadUntil("non_learner");
  EXPECT_TRUE(client.AwaitClose());
}

TEST_F(Http, RequestsThatAreTooLargeOrNonsenseAreRefusedAndClosed) {
  Start();
  RawClient endless(port_);
  endless.Send("GET /" + std::string(kMaxHttpHeadBytes + 10'000, 'a'));
  EXPECT_TRUE(endless.ReadUntil("\r\n\r\n").starts_with("HTTP/1.1 431 "));
  RawClient nonsense(port_);
  nonsense.Send("GET /\r\n\r\n");
  EXPECT_TRUE(nonsense.ReadUntil("\r\n\r\n").starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(nonsense.AwaitClose());
  EXPECT_EQ(StatusOf(HttpGet(port_, "/version")), 200);
}

TEST_F(Http, IdleConnectionsMakeRoomForNewOnes) {
  options_.max_http_connections = 2;
  Start();
  std::vector<std::unique_ptr<RawClient>> idle;
  for (int i = 0; i < 4; ++i) {
    idle.push_back(std::make_unique<RawClient>(port_));
    idle.back()->Send("GET /version HTTP/1.1\r\n\r\n");
    idle.back()->ReadUntil("storage");
  }
  EXPECT_TRUE(idle[0]->AwaitClose());
  EXPECT_TRUE(idle[1]->AwaitClose());
  EXPECT_EQ(StatusOf(HttpGet(port_, "/version")), 200);
}

TEST_F(Http, ProbesAreAnsweredWhileAllRequestsHang) {
  options_.pollers = 1;
  Start();
  group_.Hold();
  std::thread client([this] { EXPECT_TRUE(Put("k", "v").ok()); });
  group_.AwaitHeld(1);
  EXPECT_EQ(StatusOf(HttpGet(port_, "/livez")), 200);
  EXPECT_EQ(StatusOf(HttpGet(port_, "/metrics")), 200);
  group_.Release();
  client.join();
}

TEST_F(Http, GarbageOnThePortHarmsNobody) {
  options_.half_open_deadline = std::chrono::milliseconds(100);
  Start();
  RawClient half_open(port_);
  RawClient tls(port_);
  tls.Send("\x16\x03\x01\x02 hello");
  RawClient broken_http2(port_);
  broken_http2.Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string(1000, '\xff'));
  EXPECT_TRUE(Put("k", "v").ok());
  EXPECT_TRUE(half_open.AwaitClose());
  EXPECT_TRUE(tls.AwaitClose());
  EXPECT_TRUE(broken_http2.AwaitClose());
  EXPECT_EQ(StatusOf(HttpGet(port_, "/version")), 200);
}

TEST_F(Http, MetricsAreThereFromTheStart) {
  raft::PeerStats& peer = transport_stats_.peers.emplace_back();
  peer.id = raft::NodeId{0xb2};
  peer.connected = true;
  Start();
  const std::string answer = HttpGet(port_, "/metrics");
  EXPECT_NE(answer.find("Content-Type: text/plain; version=0.0.4"), std::string::npos);
  for (const std::string line : {
           "etcd_server_has_leader 1\n",
           "etcd_server_is_leader 1\n",
           "etcd_server_leader_changes_seen_total 0\n",
           "etcd_server_proposals_committed_total 40\n",
           "etcd_server_proposals_applied_total 39\n",
           "etcd_server_proposals_pending 0\n",
           "etcd_server_proposals_failed_total 0\n",
           "etcd_server_quota_backend_bytes 2147483648\n",
           "etcd_disk_wal_fsync_duration_seconds_count 0\n",
           "etcd_disk_backend_commit_duration_seconds_count 0\n",
           "etcd_mvcc_db_total_size_in_bytes 4096\n",
           "etcd_mvcc_db_total_size_in_use_in_bytes 1024\n",
           "etcd_network_client_grpc_received_bytes_total 0\n",
           "etcd_network_peer_sent_bytes_total{To=\"b2\"} 0\n",
           "etcd_network_peer_sent_failures_total{To=\"b2\"} 0\n",
           "etcd_network_peer_round_trip_time_seconds_count{To=\"b2\"} 0\n",
           "etcd_network_active_peers{Local=\"a1\",Remote=\"b2\"} 1\n",
           "process_resident_memory_bytes ",
           "process_open_fds ",
       }) {
    EXPECT_NE(answer.find("\n" + line), std::string::npos) << line;
  }
  for (const MethodInfo& method : Methods()) {
    const std::string labels = "{grpc_type=\"" + std::string(ShapeName(method.shape)) + "\",grpc_service=\"" +
                               std::string(method.service) + "\",grpc_method=\"" + std::string(method.name) +
                               "\"";
    EXPECT_NE(answer.find("grpc_server_started_total" + labels + "} 0\n"), std::string::npos) << labels;
    EXPECT_NE(answer.find("grpc_server_handled_total" + labels + ",grpc_code=\"OK\"} 0\n"), std::string::npos)
        << labels;
    EXPECT_NE(answer.find("grpc_server_handled_total" + labels + ",grpc_code=\"Unavailable\"} 0\n"),
              std::string::npos)
        << labels;
  }
}

TEST_F(Http, MetricsCountCallsByCode) {
  Start();
  ASSERT_TRUE(Put("k", "v").ok());
  ASSERT_FALSE(Put("", "v").ok());
  grpc::ClientContext context;
  SetDeadline(context);
  const auto watch = watch_->Watch(&context);
  hub_.AwaitStreams(1);
  const std::string answer = HttpGet(port_, "/metrics");
  const std::string put = "{grpc_type=\"unary\",grpc_service=\"etcdserverpb.KV\",grpc_method=\"Put\"";
  const std::string watching =
      "{grpc_type=\"bidi_stream\",grpc_service=\"etcdserverpb.Watch\",grpc_method=\"Watch\"";
  for (const std::string& line : {
           "grpc_server_started_total" + put + "} 2\n",
           "grpc_server_handled_total" + put + ",grpc_code=\"OK\"} 1\n",
           "grpc_server_handled_total" + put + ",grpc_code=\"InvalidArgument\"} 1\n",
           "grpc_server_handling_seconds_count" + put + "} 2\n",
           "grpc_server_started_total" + watching + "} 1\n",
           "grpc_server_handled_total" + watching + ",grpc_code=\"OK\"} 0\n",
           std::string("etcd_mvcc_put_total 1\n"),
           std::string("etcd_debugging_mvcc_watch_stream_total 1\n"),
       }) {
    EXPECT_NE(answer.find("\n" + line), std::string::npos) << line;
  }
}

TEST_F(Http, MetricsCountClientVersions) {
  Start();
  grpc::ClientContext context;
  context.AddMetadata("client-api-version", "3.4");
  etcdserverpb::RangeRequest request;
  request.set_key("k");
  etcdserverpb::RangeResponse response;
  ASSERT_TRUE(kv_->Range(&context, request, &response).ok());
  ASSERT_TRUE(Get("k").ok());
  const std::string answer = HttpGet(port_, "/metrics");
  EXPECT_NE(answer.find("etcd_server_client_requests_total{type=\"unary\",client_api_version=\"3.4\"} 1\n"),
            std::string::npos);
  EXPECT_NE(
      answer.find("etcd_server_client_requests_total{type=\"unary\",client_api_version=\"unknown\"} 1\n"),
      std::string::npos);
}

}  // namespace
}  // namespace cairn::kv::api
