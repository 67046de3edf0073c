#include <fmt/format.h>

#include "cmd/cairnctl/go_text.h"
#include "cmd/cairnctl/printer.h"
#include "cmd/cairnctl/rows.h"

namespace cairn::ctl {
namespace {

// For people: keys and values on lines of their own.
class SimplePrinter final : public Printer {
 public:
  SimplePrinter(bool hex, bool value_only) : hex_(hex), value_only_(value_only) {}

  bool Supports(AnswerKind) const override { return true; }

  std::string Get(const pb::RangeResponse& response) const override {
    std::string out;
    for (const mvccpb::KeyValue& kv : response.kvs()) Append(out, kv);
    return out;
  }

  std::string Put(const pb::PutResponse& response) const override {
    std::string out = "OK\n";
    if (response.has_prev_kv()) Append(out, response.prev_kv());
    return out;
  }

  std::string Del(const pb::DeleteRangeResponse& response) const override {
    std::string out = fmt::format("{}\n", response.deleted());
    for (const mvccpb::KeyValue& kv : response.prev_kvs()) Append(out, kv);
    return out;
  }

  std::string Txn(const pb::TxnResponse& response) const override {
    std::string out = response.succeeded() ? "SUCCESS\n" : "FAILURE\n";
    for (const pb::ResponseOp& op : response.responses()) {
      out += '\n';
      if (op.has_response_range()) out += Get(op.response_range());
      if (op.has_response_put()) out += Put(op.response_put());
      if (op.has_response_delete_range()) out += Del(op.response_delete_range());
      if (op.has_response_txn()) out += Txn(op.response_txn());
    }
    return out;
  }

  std::string Watch(const pb::WatchResponse& response) const override {
    std::string out;
    for (const mvccpb::Event& event : response.events()) {
      out += event.type() == mvccpb::Event::DELETE ? "DELETE\n" : "PUT\n";
      if (event.has_prev_kv()) Append(out, event.prev_kv());
      Append(out, event.kv());
    }
    return out;
  }

  std::string MoveLeader(std::uint64_t leader, std::uint64_t target,
                         const pb::MoveLeaderResponse&) const override {
    return fmt::format("Leadership transferred from {:x} to {:x}\n", leader, target);
  }

  std::string MemberList(const pb::MemberListResponse& response) const override {
    return Lines(MemberRows(response));
  }
  std::string Status(const std::vector<EndpointStatus>& endpoints) const override {
    return Lines(StatusRows(endpoints));
  }
  std::string Hash(const std::vector<EndpointHash>& endpoints) const override {
    return Lines(HashRows(endpoints));
  }

  std::string Health(const std::vector<EndpointHealth>& endpoints) const override {
    std::string out;
    for (const EndpointHealth& endpoint : endpoints) {
      out += endpoint.healthy ? fmt::format("{} is healthy: successfully committed proposal: took = {}\n",
                                            endpoint.endpoint, endpoint.took)
                              : fmt::format("{} is unhealthy: failed to commit proposal: {}\n",
                                            endpoint.endpoint, endpoint.error);
    }
    return out;
  }

 private:
  void Append(std::string& out, const mvccpb::KeyValue& kv) const {
    if (!value_only_) out += (hex_ ? HexBytes(kv.key()) : kv.key()) + "\n";
    out += (hex_ ? HexBytes(kv.value()) : kv.value()) + "\n";
  }

  static std::string Lines(const Rows& rows) {
    std::string out;
    for (const std::vector<std::string>& row : rows.rows) out += Join(row, ", ") + "\n";
    return out;
  }

  const bool hex_;
  const bool value_only_;
};

}  // namespace

std::unique_ptr<Printer> MakeSimplePrinter(bool hex, bool value_only) {
  return std::make_unique<SimplePrinter>(hex, value_only);
}

}  // namespace cairn::ctl
