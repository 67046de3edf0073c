#include "kv/client/call.h"

#include <thread>

#include "raft/base/assert.h"

namespace cairn::kv::client {
namespace {

using std::chrono::milliseconds;

std::string Seconds(milliseconds time) {
  return fmt::format("{:g} s", static_cast<double>(time.count()) / 1000);
}

// What a person may try, by what the server or the connection said.
std::string Advice(CallKind kind, const Attempt& attempt) {
  if (kind == CallKind::kWrite && OutcomeOf(attempt) == Outcome::kUnknown) {
    return "the write may or may not have happened: read the key before writing again";
  }
  const std::string message = attempt.status.error_message();
  if (!attempt.sent) return "check that a node is running there, or name another endpoint";
  if (message == "etcdserver: no leader") {
    return "the cluster has no leader: check that a majority of its nodes is running";
  }
  if (message.starts_with("etcdserver: request timed out")) {
    return "the node found no majority in time: check that a majority of the nodes is running";
  }
  if (message == "etcdserver: too many requests") return "the cluster is overloaded: try again later";
  if (attempt.status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
    return "the node may be frozen or without a majority: ask another endpoint, or allow more time";
  }
  if (attempt.status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
    return "this server does not offer the call";
  }
  return "";
}

std::string Message(const CallOptions& options, const Attempt& attempt) {
  const std::string& said = attempt.status.error_message();
  if (!attempt.sent) return "cannot connect";
  if (attempt.status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED && !said.starts_with("etcdserver")) {
    return fmt::format("no answer within {}", Seconds(options.timeout));
  }
  return said;
}

// One call's attempts. Exists for the time of RunCall().
class AttemptLoop {
 public:
  AttemptLoop(CallKind kind, const CallOptions& options, CallPorts& ports)
      : kind_(kind),
        options_(options),
        ports_(ports),
        start_(ports.Now()),
        backoff_(options.backoff, static_cast<std::uint64_t>(start_.time_since_epoch().count())) {}

  absl::Status Run(AttemptFunction attempt) {
    while (true) {
      const std::vector<std::size_t> order = ports_.Order();
      for (const std::size_t endpoint : order) {
        if (OutOfTime()) return GaveUp();
        last_endpoint_ = endpoint;
        last_ = attempt(endpoint, TimeFor(order.size()));
        any_sent_ = any_sent_ || last_.sent;
        ports_.Report(endpoint, !IsEndpointFailure(last_));
        switch (Judge(kind_, last_)) {
          case Verdict::kDone:
            return absl::OkStatus();
          case Verdict::kGiveUp:
            return GaveUp();
          case Verdict::kTryElsewhere:
            break;
        }
      }
      if (OutOfTime()) return GaveUp();
      ports_.Sleep(std::min(backoff_.Next(), Left()));
    }
  }

 private:
  milliseconds Left() const {
    const auto used = std::chrono::duration_cast<milliseconds>(ports_.Now() - start_);
    const milliseconds budget =
        any_sent_ ? options_.timeout : std::min(options_.timeout, options_.dial_timeout);
    return std::max(milliseconds(0), budget - used);
  }

  // At least one attempt is always made, so that there is an error to report.
  bool OutOfTime() const { return last_endpoint_.has_value() && Left() == milliseconds(0); }

  // A read moves on after a while if there is somewhere to move to. A write stays: once sent, it is final.
  milliseconds TimeFor(std::size_t endpoints) const {
    const auto used = std::chrono::duration_cast<milliseconds>(ports_.Now() - start_);
    const milliseconds left = std::max(milliseconds(1), options_.timeout - used);
    return kind_ == CallKind::kRead && endpoints > 1 ? std::min(left, options_.attempt_timeout) : left;
  }

  absl::Status GaveUp() const {
    CAIRN_ASSERT(last_endpoint_.has_value(), "no attempt was made");
    const auto code = last_.sent ? static_cast<absl::StatusCode>(last_.status.error_code())
                                 : absl::StatusCode::kUnavailable;
    return ToStatus({.code = code,
                     .message = Message(options_, last_),
                     .endpoint = ports_.Name(*last_endpoint_),
                     .advice = Advice(kind_, last_),
                     .outcome = kind_ == CallKind::kWrite ? OutcomeOf(last_) : Outcome::kNotApplied});
  }

  const CallKind kind_;
  const CallOptions& options_;
  CallPorts& ports_;
  const SteadyTime start_;
  Backoff backoff_;
  std::optional<std::size_t> last_endpoint_;
  Attempt last_;
  bool any_sent_ = false;
};

// The real world.
class LivePorts final : public CallPorts {
 public:
  LivePorts(Endpoints& endpoints, std::optional<std::size_t> only) : endpoints_(endpoints), only_(only) {}

  std::vector<std::size_t> Order() override {
    return only_.has_value() ? std::vector<std::size_t>{*only_} : endpoints_.Order();
  }
  std::string Name(std::size_t endpoint) override { return endpoints_.name(endpoint); }
  void Report(std::size_t endpoint, bool healthy) override {
    // What was asked of one endpoint on purpose says nothing about where to go otherwise.
    if (only_.has_value()) return;
    healthy ? endpoints_.Succeeded(endpoint) : endpoints_.Failed(endpoint);
  }
  SteadyTime Now() override { return std::chrono::steady_clock::now(); }
  void Sleep(milliseconds time) override { std::this_thread::sleep_for(time); }

 private:
  Endpoints& endpoints_;
  std::optional<std::size_t> only_;
};

// Waits until the channel is connected, or until it is known that it will not be now.
//
// gRPC makes progress with a connection only while somebody waits on it, and once an attempt has failed it
// shows that failure until a later one succeeds. So a channel that shows it is given a moment each time: a
// new attempt may be under way, and nobody else drives it.
bool Connect(grpc::Channel& channel, std::chrono::system_clock::time_point deadline) {
  constexpr milliseconds kMoment{20};
  while (true) {
    const grpc_connectivity_state state = channel.GetState(/*try_to_connect=*/true);
    if (state == GRPC_CHANNEL_READY) return true;
    if (state == GRPC_CHANNEL_SHUTDOWN) return false;
    const auto until = state == GRPC_CHANNEL_TRANSIENT_FAILURE
                           ? std::min(deadline, std::chrono::system_clock::now() + kMoment)
                           : deadline;
    if (!channel.WaitForStateChange(state, until)) return false;
  }
}

}  // namespace

absl::Status RunCall(CallKind kind, const CallOptions& options, CallPorts& ports, AttemptFunction attempt) {
  return AttemptLoop(kind, options, ports).Run(attempt);
}

Caller::Caller(Endpoints& endpoints) : endpoints_(endpoints) {
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    stubs_.emplace_back(pb::KV::NewStub(endpoints.channel(i)), pb::Cluster::NewStub(endpoints.channel(i)),
                        pb::Maintenance::NewStub(endpoints.channel(i)));
  }
}

absl::Status Caller::Run(CallKind kind, const CallOptions& options, std::optional<std::size_t> only,
                         Invoke invoke) {
  LivePorts ports(endpoints_, only);
  return RunCall(kind, options, ports, [&](std::size_t endpoint, milliseconds time) {
    const auto now = std::chrono::system_clock::now();
    if (!Connect(*endpoints_.channel(endpoint), now + std::min(time, options.dial_timeout))) {
      return Attempt{.status = {grpc::StatusCode::UNAVAILABLE, "cannot connect"}, .sent = false};
    }
    grpc::ClientContext context;
    context.set_deadline(now + time);
    return Attempt{.status = invoke(endpoint, context), .sent = true};
  });
}

}  // namespace cairn::kv::client
