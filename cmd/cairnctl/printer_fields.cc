#include <fmt/format.h>

#include "cmd/cairnctl/go_text.h"
#include "cmd/cairnctl/printer.h"

namespace cairn::ctl {
namespace {

// Every field on a line of its own: "Name" : value.
class FieldsPrinter final : public Printer {
 public:
  bool Supports(AnswerKind) const override { return true; }

  std::string Get(const pb::RangeResponse& response) const override {
    std::string out = Header(response.header());
    for (const mvccpb::KeyValue& kv : response.kvs()) out += KeyValue("", kv);
    return out + fmt::format("\"More\" : {}\n\"Count\" : {}\n", response.more(), response.count());
  }

  std::string Put(const pb::PutResponse& response) const override {
    std::string out = Header(response.header());
    if (response.has_prev_kv()) out += KeyValue("Prev", response.prev_kv());
    return out;
  }

  std::string Del(const pb::DeleteRangeResponse& response) const override {
    std::string out = Header(response.header()) + fmt::format("\"Deleted\" : {}\n", response.deleted());
    for (const mvccpb::KeyValue& kv : response.prev_kvs()) out += KeyValue("Prev", kv);
    return out;
  }

  std::string Txn(const pb::TxnResponse& response) const override {
    std::string out = Header(response.header()) + fmt::format("\"Succeeded\" : {}\n", response.succeeded());
    for (const pb::ResponseOp& op : response.responses()) {
      if (op.has_response_range()) out += Get(op.response_range());
      if (op.has_response_put()) out += Put(op.response_put());
      if (op.has_response_delete_range()) out += Del(op.response_delete_range());
      if (op.has_response_txn()) out += Txn(op.response_txn());
    }
    return out;
  }

  std::string Watch(const pb::WatchResponse& response) const override {
    std::string out = Header(response.header());
    for (const mvccpb::Event& event : response.events()) {
      out += event.type() == mvccpb::Event::DELETE ? "\"Type\" : DELETE\n" : "\"Type\" : PUT\n";
      if (event.has_prev_kv()) out += KeyValue("Prev", event.prev_kv());
      out += KeyValue("", event.kv());
    }
    return out;
  }

  std::string MoveLeader(std::uint64_t, std::uint64_t,
                         const pb::MoveLeaderResponse& response) const override {
    return Header(response.header());
  }

  std::string MemberList(const pb::MemberListResponse& response) const override {
    std::string out = Header(response.header());
    for (const pb::Member& member : response.members()) {
      out += fmt::format("\"ID\" : {}\n\"Name\" : {}\n", member.id(), Quoted(member.name()));
      for (const std::string& url : member.peerurls()) out += fmt::format("\"PeerURL\" : {}\n", Quoted(url));
      for (const std::string& url : member.clienturls())
        out += fmt::format("\"ClientURL\" : {}\n", Quoted(url));
      out += fmt::format("\"IsLearner\" : {}\n\n", member.islearner());
    }
    return out;
  }

  std::string Status(const std::vector<EndpointStatus>& endpoints) const override {
    std::string out;
    for (const EndpointStatus& endpoint : endpoints) {
      const pb::StatusResponse& status = endpoint.status;
      out += Header(status.header());
      out += fmt::format("\"Version\" : {}\n\"DBSize\" : {}\n\"Leader\" : {}\n\"IsLearner\" : {}\n",
                         Quoted(status.version()), status.dbsize(), status.leader(), status.islearner());
      out += fmt::format("\"RaftIndex\" : {}\n\"RaftTerm\" : {}\n\"RaftAppliedIndex\" : {}\n",
                         status.raftindex(), status.raftterm(), status.raftappliedindex());
      out += fmt::format("\"Errors\" : [{}]\n\"Endpoint\" : {}\n\n", fmt::join(status.errors(), " "),
                         Quoted(endpoint.endpoint));
    }
    return out;
  }

  std::string Health(const std::vector<EndpointHealth>& endpoints) const override {
    std::string out;
    for (const EndpointHealth& endpoint : endpoints) {
      out += fmt::format("\"Endpoint\" : {}\n\"Health\" : {}\n\"Took\" : {}\n\"Error\" : {}\n\n",
                         Quoted(endpoint.endpoint), endpoint.healthy, endpoint.took, endpoint.error);
    }
    return out;
  }

  std::string Hash(const std::vector<EndpointHash>& endpoints) const override {
    std::string out;
    for (const EndpointHash& endpoint : endpoints) {
      out += Header(endpoint.hash.header());
      out += fmt::format("\"Endpoint\" : {}\n\"Hash\" : {}\n\n", Quoted(endpoint.endpoint),
                         endpoint.hash.hash());
    }
    return out;
  }

 private:
  static std::string Header(const pb::ResponseHeader& header) {
    return fmt::format("\"ClusterID\" : {}\n\"MemberID\" : {}\n\"Revision\" : {}\n\"RaftTerm\" : {}\n",
                       header.cluster_id(), header.member_id(), header.revision(), header.raft_term());
  }

  static std::string KeyValue(std::string_view prefix, const mvccpb::KeyValue& kv) {
    std::string out = fmt::format("\"{}Key\" : {}\n", prefix, Quoted(kv.key()));
    out += fmt::format("\"{}CreateRevision\" : {}\n", prefix, kv.create_revision());
    out += fmt::format("\"{}ModRevision\" : {}\n", prefix, kv.mod_revision());
    out += fmt::format("\"{}Version\" : {}\n", prefix, kv.version());
    out += fmt::format("\"{}Value\" : {}\n", prefix, Quoted(kv.value()));
    out += fmt::format("\"{}Lease\" : {}\n", prefix, kv.lease());
    return out;
  }
};

}  // namespace

std::unique_ptr<Printer> MakeFieldsPrinter() { return std::make_unique<FieldsPrinter>(); }

}  // namespace cairn::ctl
