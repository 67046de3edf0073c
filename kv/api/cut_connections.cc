#include "kv/api/cut_connections.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>

namespace cairn::kv::api {
namespace {

// The port that a socket is bound to; nothing for a descriptor of another kind.
std::optional<std::uint16_t> LocalPort(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return std::nullopt;
  if (address.ss_family == AF_INET) return ntohs(reinterpret_cast<sockaddr_in*>(&address)->sin_port);
  if (address.ss_family == AF_INET6) return ntohs(reinterpret_cast<sockaddr_in6*>(&address)->sin6_port);
  return std::nullopt;
}

// Not a socket that listens: shutdown() would end that, and whoever has it did not ask for it.
bool IsConnected(int fd) {
  sockaddr_storage peer{};
  socklen_t length = sizeof(peer);
  return ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) == 0;
}

}  // namespace

void CutConnections(const std::vector<std::uint16_t>& ports) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename();
    int fd = -1;
    std::from_chars(name.data(), name.data() + name.size(), fd);
    const std::optional<std::uint16_t> port = LocalPort(fd);
    if (!port || std::find(ports.begin(), ports.end(), *port) == ports.end()) continue;
    if (!IsConnected(fd)) continue;
    // The descriptor is gRPC's, which may close it at this moment, and another may get its number: a file,
    // which this call does not touch, or a connection to another member, which is made anew.
    ::shutdown(fd, SHUT_RDWR);
  }
}

}  // namespace cairn::kv::api
