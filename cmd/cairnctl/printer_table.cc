#include "cmd/cairnctl/printer.h"
#include "cmd/cairnctl/table.h"
#include "raft/base/assert.h"

namespace cairn::ctl {
namespace {

// Only for what has rows.
class TablePrinter final : public Printer {
 public:
  bool Supports(AnswerKind kind) const override { return kind != AnswerKind::kKeyValues; }

  std::string MemberList(const pb::MemberListResponse& response) const override {
    return DrawTable(MemberRows(response));
  }
  std::string Status(const std::vector<EndpointStatus>& endpoints) const override {
    return DrawTable(StatusRows(endpoints));
  }
  std::string Health(const std::vector<EndpointHealth>& endpoints) const override {
    return DrawTable(HealthRows(endpoints));
  }
  std::string Hash(const std::vector<EndpointHash>& endpoints) const override {
    return DrawTable(HashRows(endpoints));
  }

  std::string Get(const pb::RangeResponse&) const override { return Unsupported(); }
  std::string Put(const pb::PutResponse&) const override { return Unsupported(); }
  std::string Del(const pb::DeleteRangeResponse&) const override { return Unsupported(); }
  std::string Txn(const pb::TxnResponse&) const override { return Unsupported(); }
  std::string Watch(const pb::WatchResponse&) const override { return Unsupported(); }
  std::string MoveLeader(std::uint64_t, std::uint64_t, const pb::MoveLeaderResponse&) const override {
    return Unsupported();
  }

 private:
  static std::string Unsupported() {
    CAIRN_ASSERT(false, "Supports() was not asked");
    return "";
  }
};

}  // namespace

std::unique_ptr<Printer> MakeTablePrinter() { return std::make_unique<TablePrinter>(); }

}  // namespace cairn::ctl
