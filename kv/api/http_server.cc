#include "kv/api/http_server.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "raft/base/assert.h"
#include "raft/base/errno_text.h"

namespace cairn::kv::api {
namespace {

constexpr std::uint64_t kInboxKey = 0;  // Connections count from 1.
constexpr std::size_t kReadChunk = 4096;
constexpr std::size_t kMaxRequestBytes = kMaxHttpHeadBytes + kReadChunk;
constexpr int kScanMilliseconds = 250;  // How late an expired connection may be closed.

std::string_view Reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Error";
  }
}

std::string Encode(const HttpResponse& response, bool keep_alive) {
  std::string out = fmt::format(
      "HTTP/1.1 {} {}\r\n"
      "Content-Type: {}\r\n"
      "Content-Length: {}\r\n"
      "Access-Control-Allow-Methods: POST, GET, OPTIONS, PUT, DELETE\r\n"
      "Access-Control-Allow-Origin: *\r\n"
      "Access-Control-Allow-Headers: accept, content-type, authorization\r\n",
      response.status, Reason(response.status), response.content_type, response.body.size());
  for (const auto& [name, value] : response.headers) out += fmt::format("{}: {}\r\n", name, value);
  if (!keep_alive) out += "Connection: close\r\n";
  out += "\r\n";
  out += response.body;
  return out;
}

}  // namespace

void HttpServer::Inbox::Push(absl::AnyInvocable<void()> job) {
  const absl::MutexLock lock(&mu);
  if (stopped) return;
  jobs.push_back(std::move(job));
  if (jobs.size() > 1) return;  // Somebody has rung already.
  const std::uint64_t one = 1;
  const auto rung = ::write(event.get(), &one, sizeof(one));
  CAIRN_ASSERT(rung == sizeof(one), "eventfd: {}", ErrnoText(errno));
}

HttpServer::HttpServer(Options options, Handler handler)
    : options_(options), handler_(std::move(handler)), inbox_(std::make_shared<Inbox>()) {
  epoll_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  inbox_->event = UniqueFd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  CAIRN_ASSERT(epoll_.valid() && inbox_->event.valid(), "no descriptors left: {}", ErrnoText(errno));
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kInboxKey;
  const int added = ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, inbox_->event.get(), &event);
  CAIRN_ASSERT(added == 0, "epoll_ctl: {}", ErrnoText(errno));
  thread_ = std::thread([this] { Run(); });
}

HttpServer::~HttpServer() { Stop(); }

void HttpServer::Add(UniqueFd socket, std::string first_bytes) {
  inbox_->Push([this, socket = std::move(socket), first_bytes = std::move(first_bytes)]() mutable {
    Open(std::move(socket), std::move(first_bytes));
  });
}

HttpServer::Post HttpServer::poster() const {
  return [inbox = inbox_](absl::AnyInvocable<void()> job) { inbox->Push(std::move(job)); };
}

void HttpServer::Stop() {
  if (!thread_.joinable()) return;
  inbox_->Push([this] { stopping_ = true; });
  thread_.join();
  const absl::MutexLock lock(&inbox_->mu);
  inbox_->stopped = true;
  inbox_->jobs.clear();
}

void HttpServer::Run() {
  std::array<epoll_event, 64> events{};
  while (!stopping_) {
    const int wait = connections_.empty() ? -1 : kScanMilliseconds;
    const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), wait);
    CAIRN_ASSERT(count >= 0 || errno == EINTR, "epoll_wait: {}", ErrnoText(errno));
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      if (event.data.u64 == kInboxKey) {
        RunJobs();
      } else {
        OnReady(event.data.u64, event.events);
      }
    }
    CloseExpired();
  }
  connections_.clear();
}

void HttpServer::RunJobs() {
  std::uint64_t rung = 0;
  // Only clears the bell; nothing to read is as good.
  [[maybe_unused]] const auto got = ::read(inbox_->event.get(), &rung, sizeof(rung));
  std::vector<absl::AnyInvocable<void()>> jobs;
  {
    const absl::MutexLock lock(&inbox_->mu);
    jobs.swap(inbox_->jobs);
  }
  for (auto& job : jobs) job();
}

void HttpServer::MakeRoom() {
  if (connections_.size() < options_.max_connections) return;
  // Who waits for nothing from us goes first.
  const auto idle = std::find_if(connections_.begin(), connections_.end(), [](const auto& item) {
    return item.second.state == Connection::State::kReading;
  });
  connections_.erase(idle == connections_.end() ? connections_.begin() : idle);
}

void HttpServer::Open(UniqueFd socket, std::string first_bytes) {
  MakeRoom();
  const ConnectionId id = next_id_++;
  Connection& connection = connections_[id];
  connection.socket = std::move(socket);
  connection.in = std::move(first_bytes);
  connection.deadline = Clock::now() + options_.read_deadline;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = id;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, connection.socket.get(), &event) != 0) return Close(id);
  Advance(id, connection);
}

bool HttpServer::WaitFor(Connection& connection, ConnectionId id, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connection.socket.get(), &event) == 0) return true;
  Close(id);
  return false;
}

void HttpServer::OnReady(ConnectionId id, std::uint32_t events) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;  // Closed by an earlier event of this round.
  Connection& connection = found->second;
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) return Close(id);
  if (connection.state == Connection::State::kReading) return ReadSome(id, connection);
  if (connection.state == Connection::State::kWriting) return WriteSome(id, connection);
}

void HttpServer::ReadSome(ConnectionId id, Connection& connection) {
  std::array<char, kReadChunk> buffer;
  const ssize_t got = ::recv(connection.socket.get(), buffer.data(), buffer.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return Close(id);
  connection.in.append(buffer.data(), static_cast<std::size_t>(got));
  Advance(id, connection);
}

void HttpServer::Advance(ConnectionId id, Connection& connection) {
  const std::size_t skipped = std::min(connection.skip, connection.in.size());
  connection.in.erase(0, skipped);
  connection.skip -= skipped;
  if (connection.skip > 0) return;
  HttpParsed parsed = ParseHttpHead(connection.in);
  if (std::holds_alternative<HttpNeedMore>(parsed)) {
    CAIRN_ASSERT(connection.in.size() <= kMaxRequestBytes, "{} bytes", connection.in.size());
    return;
  }
  if (const auto* bad = std::get_if<HttpBad>(&parsed)) {
    connection.keep_alive = false;
    return StartResponse(
        id, connection,
        {.status = bad->status, .body = std::string(Reason(bad->status)) + "\n", .headers = {}});
  }
  auto& head = std::get<HttpHead>(parsed);
  connection.in.erase(0, head.bytes);
  connection.skip = head.request.body_bytes;
  connection.keep_alive = head.request.keep_alive;
  Handle(id, connection, head.request);
}

void HttpServer::Handle(ConnectionId id, Connection& connection, const HttpRequest& request) {
  connection.state = Connection::State::kHandling;
  connection.deadline = Clock::now() + options_.handler_deadline;
  if (!WaitFor(connection, id, 0)) return;  // Hang-ups are reported all the same.
  // The inbox, not the server: an answer that comes too late finds a stopped inbox.
  handler_(request, [this, id, inbox = inbox_](HttpResponse response) {
    inbox->Push([this, id, response = std::move(response)] {
      const auto found = connections_.find(id);
      if (found == connections_.end()) return;
      if (found->second.state == Connection::State::kHandling) StartResponse(id, found->second, response);
    });
  });
}

void HttpServer::StartResponse(ConnectionId id, Connection& connection, const HttpResponse& response) {
  connection.state = Connection::State::kWriting;
  connection.deadline = Clock::now() + options_.write_deadline;
  connection.out = Encode(response, connection.keep_alive);
  connection.written = 0;
  WaitFor(connection, id, EPOLLOUT);
}

void HttpServer::WriteSome(ConnectionId id, Connection& connection) {
  const std::string_view rest = std::string_view(connection.out).substr(connection.written);
  const ssize_t sent = ::send(connection.socket.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
  if (sent < 0) {
    if (errno != EAGAIN && errno != EINTR) Close(id);
    return;
  }
  connection.written += static_cast<std::size_t>(sent);
  if (connection.written < connection.out.size()) return;
  if (!connection.keep_alive) return Close(id);
  connection.out.clear();
  connection.state = Connection::State::kReading;
  connection.deadline = Clock::now() + options_.read_deadline;
  if (!WaitFor(connection, id, EPOLLIN)) return;
  Advance(id, connection);  // A second request may have come with the first.
}

void HttpServer::CloseExpired() {
  const auto now = Clock::now();
  std::erase_if(connections_, [now](const auto& item) { return item.second.deadline <= now; });
}

}  // namespace cairn::kv::api
