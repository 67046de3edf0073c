#include "cmd/cairnctl/printer.h"
#include "raft/base/assert.h"

namespace cairn::ctl {
namespace {

// The encoded message and nothing else, for programs.
class ProtobufPrinter final : public Printer {
 public:
  bool Supports(AnswerKind kind) const override { return kind != AnswerKind::kEndpoints; }

  std::string Get(const pb::RangeResponse& response) const override { return response.SerializeAsString(); }
  std::string Put(const pb::PutResponse& response) const override { return response.SerializeAsString(); }
  std::string Del(const pb::DeleteRangeResponse& response) const override {
    return response.SerializeAsString();
  }
  std::string Txn(const pb::TxnResponse& response) const override { return response.SerializeAsString(); }
  std::string MemberList(const pb::MemberListResponse& response) const override {
    return response.SerializeAsString();
  }
  std::string MoveLeader(std::uint64_t, std::uint64_t,
                         const pb::MoveLeaderResponse& response) const override {
    return response.SerializeAsString();
  }

  std::string Watch(const pb::WatchResponse& response) const override {
    // What belongs to the stream and not to the watch changes when the watch moves.
    pb::WatchResponse shown = response;
    shown.clear_watch_id();
    shown.clear_fragment();
    return shown.SerializeAsString();
  }

  std::string Status(const std::vector<EndpointStatus>&) const override { return Unsupported(); }
  std::string Health(const std::vector<EndpointHealth>&) const override { return Unsupported(); }
  std::string Hash(const std::vector<EndpointHash>&) const override { return Unsupported(); }

 private:
  static std::string Unsupported() {
    CAIRN_ASSERT(false, "Supports() was not asked");
    return "";
  }
};

}  // namespace

std::unique_ptr<Printer> MakeProtobufPrinter() { return std::make_unique<ProtobufPrinter>(); }

}  // namespace cairn::ctl
