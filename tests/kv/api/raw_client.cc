#include "tests/kv/api/raw_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "raft/base/assert.h"
#include "raft/base/errno_text.h"

namespace cairn::kv::api {

RawClient::RawClient(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int connected =
      ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  CAIRN_ASSERT(connected == 0, "connect to port {}: {}", port, ErrnoText(errno));
  const timeval timeout{.tv_sec = 10, .tv_usec = 0};
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
}

void RawClient::Send(std::string_view bytes) {
  // A peer that has closed already is what some tests want.
  [[maybe_unused]] const auto sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

bool RawClient::ReadSome() {
  std::array<char, 16384> buffer;
  const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
  if (got == 0 || (got < 0 && errno == ECONNRESET)) closed_ = true;
  if (got <= 0) return false;
  seen_.append(buffer.data(), static_cast<std::size_t>(got));
  return true;
}

std::string RawClient::ReadUntil(std::string_view wanted) {
  while (seen_.find(wanted) == std::string::npos && ReadSome()) {
  }
  return seen_;
}

bool RawClient::AwaitClose() {
  while (ReadSome()) {
  }
  return closed_;
}

void RawClient::HalfClose() { ::shutdown(socket_.get(), SHUT_WR); }

namespace {

std::string Frame(char type, char flags, char stream, const std::string& payload) {
  const auto byte = [&payload](int shift) { return static_cast<char>(payload.size() >> shift); };
  return std::string{byte(16), byte(8), byte(0), type, flags, 0, 0, 0, stream} + payload;
}

// HPACK: a string of less than 127 bytes, not compressed.
std::string Literal(const std::string& text) { return static_cast<char>(text.size()) + text; }

}  // namespace

std::string Http2Preface(bool wide) {
  constexpr char kSettings = 4;
  constexpr char kWindowUpdate = 8;
  const std::string most = "\x7f\xff\xff\xff";
  std::string settings;
  if (wide) settings = std::string("\0\x04", 2) + most;  // SETTINGS_INITIAL_WINDOW_SIZE
  std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Frame(kSettings, 0, 0, settings);
  if (wide) preface += Frame(kWindowUpdate, 0, 0, std::string("\x7f\xff\0\0", 4));
  return preface;
}

std::string Http2SettingsAck() {
  constexpr char kSettings = 4;
  constexpr char kAck = 1;
  return Frame(kSettings, kAck, 0, "");
}

std::string Http2Headers(int stream, const std::string& path,
                         const std::vector<std::pair<std::string, std::string>>& metadata) {
  std::string headers = "\x83\x86";                     // :method POST, :scheme http.
  headers += "\x04" + Literal(path);                    // :path
  headers += "\x01" + Literal("test");                  // :authority
  headers += "\x0f\x10" + Literal("application/grpc");  // content-type
  headers += std::string(1, '\0') + Literal("te") + Literal("trailers");
  for (const auto& [name, value] : metadata) {
    headers += std::string(1, '\0') + Literal(name) + Literal(value);
  }
  constexpr char kHeaders = 1;
  constexpr char kEndHeaders = 4;
  return Frame(kHeaders, kEndHeaders, static_cast<char>(stream), headers);
}

std::string Http2Message(int stream, const std::string& message) {
  CAIRN_ASSERT(message.size() < 128, "{} bytes", message.size());
  constexpr char kData = 0;
  constexpr char kEndStream = 1;
  return Frame(kData, kEndStream, static_cast<char>(stream),
               std::string(4, '\0') + static_cast<char>(message.size()) + message);
}

std::string Http2End(int stream) {
  constexpr char kData = 0;
  constexpr char kEndStream = 1;
  return Frame(kData, kEndStream, static_cast<char>(stream), "");
}

std::string Http2Call(const std::string& path, const std::string& message) {
  return Http2Preface() + Http2Headers(1, path) + Http2Message(1, message);
}

std::string HttpGet(std::uint16_t port, const std::string& target, const std::string& method) {
  RawClient client(port);
  client.Send(method + " " + target + " HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
  return client.ReadUntil("never comes: read to the end");
}

std::string BodyOf(const std::string& answer) {
  const std::size_t end = answer.find("\r\n\r\n");
  return end == std::string::npos ? std::string() : answer.substr(end + 4);
}

int StatusOf(const std::string& answer) {
  return answer.starts_with("HTTP/1.1 ") ? std::atoi(answer.substr(9, 3).c_str()) : 0;
}

}  // namespace cairn::kv::api
