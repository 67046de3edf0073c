#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kv/client/proto.h"

namespace cairn::ctl {

namespace pb = ::etcdserverpb;

struct EndpointStatus {
  std::string endpoint;
  pb::StatusResponse status;
};

struct EndpointHealth {
  std::string endpoint;
  bool healthy = false;
  std::string took;   // As Go prints a duration.
  std::string error;  // Empty if healthy.
};

struct EndpointHash {
  std::string endpoint;
  pb::HashKVResponse hash;
};

// Not every format can show every answer.
enum class AnswerKind { kKeyValues, kMembers, kEndpoints };

// Turns answers into text, complete with the last line break. Pure: it neither writes nor fails. Byte for
// byte what etcdctl prints.
class Printer {
 public:
  virtual ~Printer() = default;

  // Ask first: calling one of the below for an answer that is not supported is an error of ours.
  virtual bool Supports(AnswerKind kind) const = 0;

  virtual std::string Get(const pb::RangeResponse& response) const = 0;
  virtual std::string Put(const pb::PutResponse& response) const = 0;
  virtual std::string Del(const pb::DeleteRangeResponse& response) const = 0;
  virtual std::string Txn(const pb::TxnResponse& response) const = 0;
  virtual std::string Watch(const pb::WatchResponse& response) const = 0;
  virtual std::string MoveLeader(std::uint64_t leader, std::uint64_t target,
                                 const pb::MoveLeaderResponse& response) const = 0;
  virtual std::string MemberList(const pb::MemberListResponse& response) const = 0;
  virtual std::string Status(const std::vector<EndpointStatus>& endpoints) const = 0;
  virtual std::string Health(const std::vector<EndpointHealth>& endpoints) const = 0;
  virtual std::string Hash(const std::vector<EndpointHash>& endpoints) const = 0;
};

struct PrinterOptions {
  std::string format = "simple";
  bool hex = false;         // Keys and values as \x61\x62; only "simple" does that.
  bool value_only = false;  // No keys; only "simple" can.
};

// Null for an unknown format.
std::unique_ptr<Printer> MakePrinter(const PrinterOptions& options);

// One per file.
std::unique_ptr<Printer> MakeSimplePrinter(bool hex, bool value_only);
std::unique_ptr<Printer> MakeFieldsPrinter();
std::unique_ptr<Printer> MakeJsonPrinter();
std::unique_ptr<Printer> MakeTablePrinter();
std::unique_ptr<Printer> MakeProtobufPrinter();

}  // namespace cairn::ctl
