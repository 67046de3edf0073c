#include "tests/integration/faults/cluster.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <map>
#include <sstream>
#include <system_error>
#include <thread>

#include "raft/base/assert.h"
#include "raft/base/status.h"

namespace cairn::faults {
namespace {

using std::chrono::milliseconds;
namespace pb = kv::client::pb;

kv::client::CallOptions Quick(milliseconds timeout) {
  kv::client::CallOptions options;
  options.timeout = timeout;
  options.dial_timeout = timeout;
  options.backoff = {.first = milliseconds(10), .last = milliseconds(50)};
  return options;
}

absl::Status CheckPort(std::uint16_t port) {
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0)
    return absl::UnavailableError("cannot make a socket: " + std::generic_category().message(errno));
  // As servers do: connections of an earlier run that wait for their end are no obstacle.
  const int on = 1;
  setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int error =
      bind(probe, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ? 0 : errno;
  close(probe);
  if (error == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("port {} cannot be had: {}; stop who has it (ss -ltnp 'sport = :{}' names it), or choose "
                  "others with --base-port",
                  port, std::generic_category().message(error), port));
}

}  // namespace

std::atomic<bool> interrupted = false;

bool Pause(milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (!interrupted && std::chrono::steady_clock::now() < end) {
    const auto left = std::chrono::duration_cast<milliseconds>(end - std::chrono::steady_clock::now());
    std::this_thread::sleep_for(std::clamp(left, milliseconds(1), milliseconds(50)));
  }
  return !interrupted;
}

Cluster::Cluster(const Options& options, const std::string& directory) {
  const auto url = [&](int node, int offset) {
    return fmt::format("http://127.0.0.1:{}", options.base_port + 10 * node + offset);
  };
  std::string members;
  for (int i = 0; i < options.nodes; ++i) {
    members += fmt::format("{}n{}={}", i == 0 ? "" : ",", i + 1, url(i, 1));
  }
  for (int i = 0; i < options.nodes; ++i) {
    const std::string name = fmt::format("n{}", i + 1);
    std::vector<std::string> command = {std::filesystem::absolute(options.server_binary).string(),
                                        "--name",
                                        name,
                                        "--data-dir",
                                        fmt::format("{}/{}", directory, name),
                                        "--listen-client-urls",
                                        url(i, 0),
                                        "--advertise-client-urls",
                                        url(i, 0),
                                        "--listen-peer-urls",
                                        url(i, 1),
                                        "--initial-advertise-peer-urls",
                                        url(i, 1),
                                        "--initial-cluster",
                                        members,
                                        "--initial-cluster-token",
                                        fmt::format("faults-{}", options.base_port),
                                        "--initial-cluster-state",
                                        "new"};
    std::istringstream more(options.server_flags);
    for (std::string flag; more >> flag;) command.push_back(flag);
    for (const int offset : {0, 1}) {
      ports_.push_back(static_cast<std::uint16_t>(options.base_port + 10 * i + offset));
    }
    processes_.push_back(
        std::make_unique<Process>(std::move(command), fmt::format("{}/{}.log", directory, name)));
    absl::StatusOr<kv::client::Endpoint> endpoint = kv::client::ParseEndpoint(url(i, 0));
    CAIRN_ASSERT(endpoint.ok(), "{}", MessageOf(endpoint.status()));
    endpoints_.push_back(*std::move(endpoint));
  }
  client_ = std::make_unique<kv::client::Client>(endpoints_);
}

absl::Status Cluster::CheckPorts() const {
  for (const std::uint16_t port : ports_) CAIRN_RETURN_IF_ERROR(CheckPort(port));
  return absl::OkStatus();
}

absl::Status Cluster::StartAll() {
  for (std::size_t i = 0; i < size(); ++i) CAIRN_RETURN_IF_ERROR(Start(i));
  return absl::OkStatus();
}

void Cluster::Kill(std::size_t node) {
  Signal(node, SIGKILL);
  processes_[node]->Wait(milliseconds(0));
}

absl::Status Cluster::WaitServing(std::size_t node, milliseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  absl::Status last;
  while (!interrupted) {
    last = client_->maintenance().Health(node, Quick(milliseconds(1000)));
    if (last.ok()) return last;
    CAIRN_RETURN_IF_ERROR(CheckAlive());
    if (std::chrono::steady_clock::now() > end) {
      return absl::DeadlineExceededError(fmt::format("{} does not serve after {} ms: {} (see {})",
                                                     endpoints_[node].name, patience.count(), MessageOf(last),
                                                     processes_[node]->log()));
    }
    Pause(milliseconds(20));
  }
  return absl::CancelledError("interrupted");
}

absl::Status Cluster::WaitAllServing(milliseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  for (std::size_t i = 0; i < size(); ++i) {
    const auto left = std::chrono::duration_cast<milliseconds>(end - std::chrono::steady_clock::now());
    CAIRN_RETURN_IF_ERROR(WaitServing(i, std::max(left, milliseconds(1))));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::size_t> Cluster::FindLeader(milliseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!interrupted && std::chrono::steady_clock::now() < end) {
    std::map<std::uint64_t, std::size_t> votes;  // By the member that is said to lead.
    std::map<std::uint64_t, std::size_t> node_of_member;
    for (std::size_t i = 0; i < size(); ++i) {
      const absl::StatusOr<pb::StatusResponse> status =
          client_->maintenance().Status(i, Quick(milliseconds(300)));
      if (!status.ok()) continue;
      node_of_member[status->header().member_id()] = i;
      if (status->leader() != 0) ++votes[status->leader()];
    }
    for (const auto& [member, count] : votes) {
      const auto node = node_of_member.find(member);
      if (count > size() / 2 && node != node_of_member.end()) return node->second;
    }
    Pause(milliseconds(20));
  }
  return absl::DeadlineExceededError("no leader that a majority knows");
}

absl::Status Cluster::CheckAlive() {
  for (const std::unique_ptr<Process>& process : processes_) {
    if (const std::optional<std::string> end = process->EndedByItself(); end.has_value()) {
      return absl::InternalError(
          fmt::format("a server {} though nobody killed it: see {}", *end, process->log()));
    }
  }
  return absl::OkStatus();
}

}  // namespace cairn::faults
