#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/statusor.h>
#include <grpcpp/client_context.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <tuple>
#include <vector>

#include "kv/client/endpoints.h"
#include "kv/client/proto.h"
#include "kv/client/retry.h"

namespace cairn::kv::client {

struct CallOptions {
  // For the whole call, with all its attempts.
  std::chrono::milliseconds timeout{5000};
  // While no endpoint could be reached at all, the call is given up after this time.
  std::chrono::milliseconds dial_timeout{2000};
  // A read that is not answered is asked elsewhere after this time: a frozen node must not eat the whole
  // budget.
  std::chrono::milliseconds attempt_timeout{2000};
  // Pauses between rounds over all endpoints.
  Backoff::Options backoff = {};
};

// What the loop over attempts needs of the world; a test scripts it.
class CallPorts {
 public:
  virtual ~CallPorts() = default;
  // The endpoints to ask, most promising first; not empty.
  virtual std::vector<std::size_t> Order() = 0;
  virtual std::string Name(std::size_t endpoint) = 0;
  virtual void Report(std::size_t endpoint, bool healthy) = 0;
  virtual SteadyTime Now() = 0;
  virtual void Sleep(std::chrono::milliseconds time) = 0;
};

using AttemptFunction = absl::FunctionRef<Attempt(std::size_t endpoint, std::chrono::milliseconds time)>;

// Asks one endpoint after the other until an attempt settles the call by Judge(), or its time is over. OK, or
// a status made by ToStatus() that names the last endpoint asked. If any attempt may have taken effect, no
// further one is made for a write.
absl::Status RunCall(CallKind kind, const CallOptions& options, CallPorts& ports, AttemptFunction attempt);

// Unary calls to a cluster. Thread-safe; the calling thread waits.
class Caller {
 public:
  explicit Caller(Endpoints& endpoints);  // `endpoints` must outlive it.

  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;

  // `only`: ask this endpoint and no other.
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Call(CallKind kind, const CallOptions& options, std::optional<std::size_t> only,
                                const Request& request,
                                grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*)) {
    Response response;
    absl::Status status = Run(kind, options, only, [&](std::size_t endpoint, grpc::ClientContext& context) {
      return (std::get<std::unique_ptr<Stub>>(stubs_[endpoint]).get()->*method)(&context, request, &response);
    });
    if (!status.ok()) return status;
    return response;
  }

  Endpoints& endpoints() const { return endpoints_; }

 private:
  using Invoke = absl::FunctionRef<grpc::Status(std::size_t endpoint, grpc::ClientContext& context)>;
  using Stubs = std::tuple<std::unique_ptr<pb::KV::Stub>, std::unique_ptr<pb::Cluster::Stub>,
                           std::unique_ptr<pb::Maintenance::Stub>>;

  absl::Status Run(CallKind kind, const CallOptions& options, std::optional<std::size_t> only, Invoke invoke);

  Endpoints& endpoints_;
  std::vector<Stubs> stubs_;  // One set per endpoint; fixed after construction.
};

}  // namespace cairn::kv::client
