#include <fmt/format.h>

#include "cmd/cairnctl/go_json.h"
#include "cmd/cairnctl/printer.h"

namespace cairn::ctl {
namespace {

std::string Line(const google::protobuf::Message& message) { return GoJson(message) + "\n"; }

template <typename T, typename Format>
std::string List(const std::vector<T>& items, Format format) {
  std::string out = "[";
  for (const T& item : items) {
    if (out.size() > 1) out += ',';
    out += format(item);
  }
  return out + "]\n";
}

class JsonPrinter final : public Printer {
 public:
  bool Supports(AnswerKind) const override { return true; }

  std::string Get(const pb::RangeResponse& response) const override { return Line(response); }
  std::string Put(const pb::PutResponse& response) const override { return Line(response); }
  std::string Del(const pb::DeleteRangeResponse& response) const override { return Line(response); }
  std::string Txn(const pb::TxnResponse& response) const override { return Line(response); }
  std::string MemberList(const pb::MemberListResponse& response) const override { return Line(response); }
  std::string MoveLeader(std::uint64_t, std::uint64_t,
                         const pb::MoveLeaderResponse& response) const override {
    return Line(response);
  }

  // etcdctl prints a type of its own here, not the message.
  std::string Watch(const pb::WatchResponse& response) const override {
    std::string events;
    for (const mvccpb::Event& event : response.events()) {
      if (!events.empty()) events += ',';
      events += GoJson(event);
    }
    return fmt::format(
        "{{\"Header\":{},\"Events\":[{}],\"CompactRevision\":{},\"Canceled\":{},\"Created\":{}}}\n",
        GoJson(response.header()), events, response.compact_revision(), response.canceled(),
        response.created());
  }

  std::string Status(const std::vector<EndpointStatus>& endpoints) const override {
    return List(endpoints, [](const EndpointStatus& item) {
      return fmt::format("{{\"Endpoint\":{},\"Status\":{}}}", JsonString(item.endpoint), GoJson(item.status));
    });
  }

  std::string Hash(const std::vector<EndpointHash>& endpoints) const override {
    return List(endpoints, [](const EndpointHash& item) {
      return fmt::format("{{\"Endpoint\":{},\"HashKV\":{}}}", JsonString(item.endpoint), GoJson(item.hash));
    });
  }

  std::string Health(const std::vector<EndpointHealth>& endpoints) const override {
    return List(endpoints, [](const EndpointHealth& item) {
      std::string out = fmt::format("{{\"endpoint\":{},\"health\":{},\"took\":{}", JsonString(item.endpoint),
                                    item.healthy, JsonString(item.took));
      if (!item.error.empty()) out += ",\"error\":" + JsonString(item.error);
      return out + '}';
    });
  }
};

}  // namespace

std::unique_ptr<Printer> MakeJsonPrinter() { return std::make_unique<JsonPrinter>(); }

}  // namespace cairn::ctl
