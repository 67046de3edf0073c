#include "cmd/cairnctl/printer.h"

#include <gtest/gtest.h>

#include "cmd/cairnctl/table.h"

// Golden strings: what etcdctl 3.4.23 printed for the same answers.
namespace cairn::ctl {
namespace {

void SetHeader(pb::ResponseHeader& header, std::int64_t revision) {
  header.set_cluster_id(11605249171607781595U);
  header.set_member_id(11077911701611787539U);
  header.set_revision(revision);
  header.set_raft_term(2);
}

mvccpb::KeyValue Kv(const std::string& key, const std::string& value, std::int64_t created,
                    std::int64_t modified, std::int64_t version) {
  mvccpb::KeyValue kv;
  kv.set_key(key);
  kv.set_value(value);
  kv.set_create_revision(created);
  kv.set_mod_revision(modified);
  kv.set_version(version);
  return kv;
}

pb::RangeResponse TwoKeys() {
  pb::RangeResponse response;
  SetHeader(*response.mutable_header(), 13);
  *response.add_kvs() = Kv("a", "4", 2, 11, 6);
  *response.add_kvs() = Kv("c", "x\ty\"\xc3\xa9\x01\xff", 5, 5, 1);
  response.set_count(2);
  return response;
}

// Not with +: GCC 12 reports overlapping copies inside its own std::string (GCC bug 105651).
std::string Cat(std::initializer_list<std::string_view> parts) {
  std::string all;
  for (const std::string_view part : parts) all += part;
  return all;
}

std::string Print(const std::string& format, const pb::RangeResponse& response) {
  return MakePrinter({.format = format})->Get(response);
}

constexpr char kHeaderFields[] =
    "\"ClusterID\" : 11605249171607781595\n\"MemberID\" : 11077911701611787539\n\"Revision\" : "
    "13\n\"RaftTerm\" : 2\n";
constexpr char kHeaderJson[] =
    R"({"cluster_id":11605249171607781595,"member_id":11077911701611787539,"revision":13,"raft_term":2})";

TEST(Printer, GetInEveryFormat) {
  const pb::RangeResponse response = TwoKeys();
  EXPECT_EQ(Print("simple", response), "a\n4\nc\nx\ty\"\xc3\xa9\x01\xff\n");
  EXPECT_EQ(
      Print("fields", response),
      Cat({kHeaderFields,
           "\"Key\" : \"a\"\n\"CreateRevision\" : 2\n\"ModRevision\" : 11\n\"Version\" : 6\n\"Value\" : "
           "\"4\"\n"
           "\"Lease\" : 0\n\"Key\" : \"c\"\n\"CreateRevision\" : 5\n\"ModRevision\" : 5\n\"Version\" : 1\n"
           "\"Value\" : \"x\\ty\\\"\xc3\xa9\\x01\\xff\"\n\"Lease\" : 0\n\"More\" : false\n\"Count\" : 2\n"}));
  EXPECT_EQ(
      Print("json", response),
      Cat({"{\"header\":", kHeaderJson,
           R"(,"kvs":[{"key":"YQ==","create_revision":2,"mod_revision":11,"version":6,"value":"NA=="},)"
           R"({"key":"Yw==","create_revision":5,"mod_revision":5,"version":1,"value":"eAl5IsOpAf8="}],"count":2})"
           "\n"}));
  EXPECT_EQ(Print("protobuf", response), response.SerializeAsString());
}

TEST(Printer, HexAndValueOnlyAreForSimple) {
  const pb::RangeResponse response = TwoKeys();
  EXPECT_EQ(MakePrinter({.format = "simple", .hex = true})->Get(response),
            "\\x61\n\\x34\n\\x63\n\\x78\\x09\\x79\\x22\\xc3\\xa9\\x01\\xff\n");
  EXPECT_EQ(MakePrinter({.format = "simple", .value_only = true})->Get(response),
            "4\nx\ty\"\xc3\xa9\x01\xff\n");
  EXPECT_EQ(MakePrinter({.format = "json", .hex = true})->Get(response), Print("json", response));
}

TEST(Printer, PutAndDelShowWhatWasBefore) {
  pb::PutResponse put;
  SetHeader(*put.mutable_header(), 13);
  EXPECT_EQ(MakeSimplePrinter(false, false)->Put(put), "OK\n");
  *put.mutable_prev_kv() = Kv("a", "3", 2, 10, 5);
  EXPECT_EQ(MakeSimplePrinter(false, false)->Put(put), "OK\na\n3\n");
  EXPECT_EQ(MakeFieldsPrinter()->Put(put),
            Cat({kHeaderFields,
                 "\"PrevKey\" : \"a\"\n\"PrevCreateRevision\" : 2\n\"PrevModRevision\" : 10\n"
                 "\"PrevVersion\" : 5\n\"PrevValue\" : \"3\"\n\"PrevLease\" : 0\n"}));
  pb::DeleteRangeResponse del;
  del.set_deleted(1);
  *del.add_prev_kvs() = Kv("q", "1", 12, 12, 1);
  EXPECT_EQ(MakeSimplePrinter(false, false)->Del(del), "1\nq\n1\n");
}

TEST(Printer, TxnSeparatesItsResponses) {
  pb::TxnResponse txn;
  txn.set_succeeded(true);
  txn.add_responses()->mutable_response_put();
  *txn.add_responses()->mutable_response_range()->add_kvs() = Kv("a", "5", 2, 3, 1);
  txn.add_responses()->mutable_response_delete_range();
  EXPECT_EQ(MakeSimplePrinter(false, false)->Txn(txn), "SUCCESS\n\nOK\n\na\n5\n\n0\n");
  EXPECT_EQ(MakeSimplePrinter(false, false)->Txn(pb::TxnResponse()), "FAILURE\n");
}

TEST(Printer, WatchShowsTypeBeforeAndAfter) {
  pb::WatchResponse response;
  SetHeader(*response.mutable_header(), 13);
  mvccpb::Event& put = *response.add_events();
  *put.mutable_kv() = Kv("w/1", "b", 34, 35, 2);
  *put.mutable_prev_kv() = Kv("w/1", "a", 34, 34, 1);
  mvccpb::Event& del = *response.add_events();
  del.set_type(mvccpb::Event::DELETE);
  *del.mutable_kv() = Kv("w/1", "", 0, 36, 0);
  EXPECT_EQ(MakeSimplePrinter(false, false)->Watch(response), "PUT\nw/1\na\nw/1\nb\nDELETE\nw/1\n\n");
  EXPECT_EQ(
      MakeJsonPrinter()->Watch(response),
      Cat({"{\"Header\":", kHeaderJson,
           R"(,"Events":[{"kv":{"key":"dy8x","create_revision":34,"mod_revision":35,"version":2,"value":"Yg=="},)"
           R"("prev_kv":{"key":"dy8x","create_revision":34,"mod_revision":34,"version":1,"value":"YQ=="}},)"
           R"({"type":1,"kv":{"key":"dy8x","mod_revision":36}}],"CompactRevision":0,"Canceled":false,"Created":false})"
           "\n"}));
}

pb::MemberListResponse OneMember() {
  pb::MemberListResponse response;
  pb::Member& member = *response.add_members();
  member.set_id(0x99bca5ffd3b6b513U);
  member.set_name("default");
  member.add_peerurls("http://127.0.0.1:27380");
  member.add_clienturls("http://127.0.0.1:27379");
  return response;
}

TEST(Printer, MembersAsLinesAndAsATable) {
  EXPECT_EQ(MakeSimplePrinter(false, false)->MemberList(OneMember()),
            "99bca5ffd3b6b513, started, default, http://127.0.0.1:27380, http://127.0.0.1:27379, false\n");
  EXPECT_EQ(MakeTablePrinter()->MemberList(OneMember()),
            "+------------------+---------+---------+------------------------+------------------------+------"
            "------+\n"
            "|        ID        | STATUS  |  NAME   |       PEER ADDRS       |      CLIENT ADDRS      | IS "
            "LEARNER |\n"
            "+------------------+---------+---------+------------------------+------------------------+------"
            "------+\n"
            "| 99bca5ffd3b6b513 | started | default | http://127.0.0.1:27380 | http://127.0.0.1:27379 |      "
            "false |\n"
            "+------------------+---------+---------+------------------------+------------------------+------"
            "------+\n");
}

TEST(Printer, StatusAsLinesFieldsAndJson) {
  EndpointStatus endpoint{.endpoint = "127.0.0.1:27379", .status = {}};
  SetHeader(*endpoint.status.mutable_header(), 13);
  endpoint.status.set_version("3.4.23");
  endpoint.status.set_dbsize(20480);
  endpoint.status.set_leader(11077911701611787539U);
  endpoint.status.set_raftindex(18);
  endpoint.status.set_raftterm(2);
  endpoint.status.set_raftappliedindex(18);
  EXPECT_EQ(MakeSimplePrinter(false, false)->Status({endpoint}),
            "127.0.0.1:27379, 99bca5ffd3b6b513, 3.4.23, 20 kB, true, false, 2, 18, 18, \n");
  EXPECT_EQ(MakeFieldsPrinter()->Status({endpoint}),
            Cat({kHeaderFields,
                 "\"Version\" : \"3.4.23\"\n\"DBSize\" : 20480\n\"Leader\" : "
                 "11077911701611787539\n\"IsLearner\" : false\n"
                 "\"RaftIndex\" : 18\n\"RaftTerm\" : 2\n\"RaftAppliedIndex\" : 18\n\"Errors\" : []\n"
                 "\"Endpoint\" : \"127.0.0.1:27379\"\n\n"}));
  EXPECT_EQ(
      MakeJsonPrinter()->Status({endpoint}),
      Cat({"[{\"Endpoint\":\"127.0.0.1:27379\",\"Status\":{\"header\":", kHeaderJson,
           R"(,"version":"3.4.23","dbSize":20480,"leader":11077911701611787539,"raftIndex":18,"raftTerm":2,)"
           R"("raftAppliedIndex":18}}])"
           "\n"}));
  EXPECT_EQ(MakeJsonPrinter()->Status({}), "[]\n");
}

TEST(Printer, HealthTellsWhy) {
  const std::vector<EndpointHealth> health = {
      {.endpoint = "a:1", .healthy = true, .took = "1ms", .error = ""},
      {.endpoint = "b:2", .healthy = false, .took = "5s", .error = "why"}};
  EXPECT_EQ(MakeSimplePrinter(false, false)->Health(health),
            "a:1 is healthy: successfully committed proposal: took = 1ms\n"
            "b:2 is unhealthy: failed to commit proposal: why\n");
  EXPECT_EQ(
      MakeJsonPrinter()->Health(health),
      R"([{"endpoint":"a:1","health":true,"took":"1ms"},{"endpoint":"b:2","health":false,"took":"5s","error":"why"}])"
      "\n");
}

TEST(Printer, FormatsRefuseWhatTheyCannotShow) {
  EXPECT_FALSE(MakeTablePrinter()->Supports(AnswerKind::kKeyValues));
  EXPECT_TRUE(MakeTablePrinter()->Supports(AnswerKind::kMembers));
  EXPECT_FALSE(MakeProtobufPrinter()->Supports(AnswerKind::kEndpoints));
  EXPECT_EQ(MakePrinter({.format = "bogus"}), nullptr);
}

TEST(Table, LongTextIsBrokenIntoEvenLines) {
  EXPECT_EQ(BreakLines("", 30), (std::vector<std::string>{""}));
  EXPECT_EQ(BreakLines("short", 30), (std::vector<std::string>{"short"}));
  EXPECT_EQ(BreakLines("aaaa bbbb cccc dddd", 10), (std::vector<std::string>{"aaaa bbbb", "cccc dddd"}));
  // A word that is longer makes the column wider.
  EXPECT_EQ(BreakLines("a http://127.0.0.1:2379/very/long/path", 10),
            (std::vector<std::string>{"a", "http://127.0.0.1:2379/very/long/path"}));
}

}  // namespace
}  // namespace cairn::ctl
