#include "kv/api/acceptor.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "kv/api/first_bytes.h"
#include "raft/base/assert.h"
#include "raft/base/errno_text.h"
#include "raft/base/status.h"

namespace cairn::kv::api {
namespace {

constexpr int kBacklog = 1024;
constexpr std::size_t kReadBytes = 4096;  // A client's preface, settings and first headers in one read.
constexpr std::chrono::milliseconds kOutOfDescriptorsPause{100};

absl::Status SystemError(const std::string& what, int error) {
  return absl::UnavailableError(what + ": " + ErrnoText(error));
}

// False if the kernel has no room (errno).
[[nodiscard]] bool Watch(int epoll, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  return ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

std::uint16_t BoundPort(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return 0;
  if (address.ss_family == AF_INET) return ntohs(reinterpret_cast<sockaddr_in*>(&address)->sin_port);
  return ntohs(reinterpret_cast<sockaddr_in6*>(&address)->sin6_port);
}

// A listening socket, or the errno that kept us from one.
struct ListenResult {
  UniqueFd socket;
  int error = 0;
};

ListenResult ListenOn(const addrinfo& address) {
  UniqueFd socket(
      ::socket(address.ai_family, address.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, address.ai_protocol));
  if (!socket.valid()) return {.socket = {}, .error = errno};
  const int on = 1;
  // Restarting must not wait for the old process's connections to leave TIME_WAIT.
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (address.ai_family == AF_INET6) {
    const int off = 0;  // All interfaces of both families, where the address says so.
    ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  }
  if (::bind(socket.get(), address.ai_addr, address.ai_addrlen) != 0) return {.socket = {}, .error = errno};
  if (::listen(socket.get(), kBacklog) != 0) return {.socket = {}, .error = errno};
  return {.socket = std::move(socket), .error = 0};
}

}  // namespace

absl::StatusOr<std::unique_ptr<Acceptor>> Acceptor::Bind(Options options) {
  auto acceptor = std::unique_ptr<Acceptor>(new Acceptor(std::move(options)));
  acceptor->epoll_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  if (!acceptor->epoll_.valid()) return SystemError("epoll_create1", errno);
  acceptor->stop_event_ = UniqueFd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!acceptor->stop_event_.valid()) return SystemError("eventfd", errno);
  for (const ListenAddress& address : acceptor->options_.listen) {
    CAIRN_RETURN_IF_ERROR(acceptor->BindOne(address));
  }
  return acceptor;
}

absl::Status Acceptor::BindOne(const ListenAddress& address) {
  const std::string port = std::to_string(address.port);
  const std::string name = (address.host.empty() ? "*" : address.host) + ":" + port;
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int resolved =
      ::getaddrinfo(address.host.empty() ? nullptr : address.host.c_str(), port.c_str(), &hints, &found);
  if (resolved != 0) {
    return absl::UnavailableError("cannot listen on " + name + ": " + ::gai_strerror(resolved));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, &::freeaddrinfo);
  // The wildcard resolves to 0.0.0.0 and ::; the second accepts both families where the machine has IPv6.
  // A host name is bound on its first address that can be.
  int error = 0;
  for (const bool want_ipv6 : {address.host.empty(), !address.host.empty()}) {
    for (const addrinfo* one = addresses.get(); one != nullptr; one = one->ai_next) {
      if ((one->ai_family == AF_INET6) != want_ipv6) continue;
      ListenResult result = ListenOn(*one);
      if (result.socket.valid()) {
        ports_.push_back(BoundPort(result.socket.get()));
        listeners_.push_back(std::move(result.socket));
        return absl::OkStatus();
      }
      error = result.error;
    }
  }
  return SystemError("cannot listen on " + name, error);
}

Acceptor::~Acceptor() { Stop(); }

void Acceptor::Start(Receiver http2, Receiver http1) {
  CAIRN_ASSERT(!thread_.joinable(), "started twice");
  http2_ = std::move(http2);
  http1_ = std::move(http1);
  const bool watched = Watch(epoll_.get(), stop_event_.get());
  CAIRN_ASSERT(watched, "epoll_ctl(add): {}", ErrnoText(errno));
  SetListening(true);
  thread_ = std::thread([this] { Run(); });
}

void Acceptor::Stop() {
  if (thread_.joinable()) {
    const std::uint64_t one = 1;
    const auto written = ::write(stop_event_.get(), &one, sizeof(one));
    CAIRN_ASSERT(written == sizeof(one), "eventfd: {}", ErrnoText(errno));
    thread_.join();
  }
  listeners_.clear();
  half_open_.clear();
  by_fd_.clear();
  half_open_count_.store(0, std::memory_order_relaxed);
}

void Acceptor::SetListening(bool on) {
  if (listening_ == on) return;
  listening_ = on;
  for (const UniqueFd& listener : listeners_) {
    if (!on) {
      ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, listener.get(), nullptr);
    } else if (!Watch(epoll_.get(), listener.get()) && errno != EEXIST) {
      listening_ = false;  // Tried again later; those that are watched already stay so.
      resume_at_ = Clock::now() + kOutOfDescriptorsPause;
    }
  }
}

int Acceptor::WaitMilliseconds(Clock::time_point now) const {
  Clock::time_point until = Clock::time_point::max();
  if (!half_open_.empty()) until = half_open_.front().deadline;
  if (!listening_) until = std::min(until, resume_at_);
  if (until == Clock::time_point::max()) return -1;
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(until - now).count();
  return static_cast<int>(std::clamp<std::int64_t>(wait, 0, 60'000));
}

void Acceptor::Run() {
  std::array<epoll_event, 64> events{};
  for (;;) {
    const int count =
        ::epoll_wait(epoll_.get(), events.data(), events.size(), WaitMilliseconds(Clock::now()));
    CAIRN_ASSERT(count >= 0 || errno == EINTR, "epoll_wait: {}", ErrnoText(errno));
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == stop_event_.get()) return;
      if (by_fd_.contains(fd)) {
        ReadFirstBytes(fd);
      } else if (std::any_of(listeners_.begin(), listeners_.end(),
                             [fd](const UniqueFd& listener) { return listener.get() == fd; })) {
        AcceptAll(fd);
      }
      // Otherwise an earlier event of this round closed it.
    }
    const auto now = Clock::now();
    DropExpired(now);
    if (!listening_ && now >= resume_at_) SetListening(true);
  }
}

void Acceptor::AcceptAll(int listener) {
  for (;;) {
    UniqueFd socket(::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket.valid() && socket.get() >= options_.max_descriptor) continue;
    if (socket.valid()) {
      Admit(std::move(socket));
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      // The connection stays in the backlog and would wake us for ever: look again a little later, when
      // others may have been closed.
      SetListening(false);
      resume_at_ = Clock::now() + kOutOfDescriptorsPause;
    }
    return;
  }
}

void Acceptor::Admit(UniqueFd socket) {
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (half_open_.size() >= options_.max_half_open) Take(half_open_.begin());
  const int fd = socket.get();
  if (!Watch(epoll_.get(), fd)) return;  // Closes it; the others live.
  half_open_.push_back(
      {.socket = std::move(socket), .bytes = {}, .deadline = Clock::now() + options_.half_open_deadline});
  by_fd_[fd] = std::prev(half_open_.end());
  half_open_count_.store(half_open_.size(), std::memory_order_relaxed);
  ReadFirstBytes(fd);  // Usually they are there already, and epoll is not needed.
}

void Acceptor::ReadFirstBytes(int fd) {
  const auto connection = by_fd_.at(fd);
  std::array<char, kReadBytes> buffer;
  const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
  if (got < 0) {
    if (errno != EAGAIN && errno != EINTR) Take(connection);
    return;
  }
  if (got == 0) {
    Take(connection);
    return;
  }
  connection->bytes.append(buffer.data(), static_cast<std::size_t>(got));
  const Protocol protocol = ClassifyFirstBytes(connection->bytes);
  if (protocol == Protocol::kNeedMore) return;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  HalfOpen ready = Take(connection);
  if (protocol == Protocol::kHttp2) http2_(std::move(ready.socket), std::move(ready.bytes));
  if (protocol == Protocol::kHttp1) http1_(std::move(ready.socket), std::move(ready.bytes));
  // kUnknown: closed on leaving.
}

Acceptor::HalfOpen Acceptor::Take(std::list<HalfOpen>::iterator connection) {
  HalfOpen taken = std::move(*connection);
  by_fd_.erase(taken.socket.get());
  half_open_.erase(connection);
  half_open_count_.store(half_open_.size(), std::memory_order_relaxed);
  return taken;
}

void Acceptor::DropExpired(Clock::time_point now) {
  while (!half_open_.empty() && half_open_.front().deadline <= now) Take(half_open_.begin());
}

}  // namespace cairn::kv::api
