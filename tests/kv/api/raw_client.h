#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kv/api/unique_fd.h"

namespace cairn::kv::api {

// A TCP connection to loopback without any protocol, for clients that behave badly. Every wait ends after ten
// seconds, with what was seen.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port);

  void Send(std::string_view bytes);
  // Reads until `wanted` appears, the peer closes, or the time is over; returns everything read so far.
  std::string ReadUntil(std::string_view wanted);
  // Whether the peer closed the connection in time.
  bool AwaitClose();
  void HalfClose();

 private:
  bool ReadSome();  // False: closed or out of time.

  UniqueFd socket_;
  std::string seen_;
  bool closed_ = false;
};

// The bytes of a new HTTP/2 connection with one gRPC call on it: a client that sends these and then nothing
// more opens no flow-control window, so it takes 65,535 bytes of the answer and no more.
std::string Http2Call(const std::string& path, const std::string& message);
// The beginning of a connection, and the headers of a call on stream `stream` (odd, below 128) whose message
// may follow. With `wide`, the client takes as much as the server will send.
std::string Http2Preface(bool wide = false);
std::string Http2SettingsAck();  // Confirms the server's settings.
std::string Http2Headers(int stream, const std::string& path,
                         const std::vector<std::pair<std::string, std::string>>& metadata = {});
std::string Http2Message(int stream, const std::string& message);  // And the end of the request.
std::string Http2End(int stream);                                  // Without a message.

// One HTTP/1.1 GET (or another method) with Connection: close: the whole answer.
std::string HttpGet(std::uint16_t port, const std::string& target, const std::string& method = "GET");
// The part of such an answer behind the head, and its status.
std::string BodyOf(const std::string& answer);
int StatusOf(const std::string& answer);

}  // namespace cairn::kv::api
