#include "raft/transport/channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <limits>

#include "raft/base/assert.h"

namespace cairn::raft {
namespace {

// A stream whose other end fell silent is torn down after the sum of these. The core does not wait for it: it
// goes by its own heartbeats. This is so that the stream is made anew soon after a partition heals, instead
// of when TCP next dares to retransmit.
constexpr int kKeepaliveTimeMs = 2000;
constexpr int kKeepaliveTimeoutMs = 3000;

// Half-open connections to the peer port go away after this.
constexpr int kHandshakeTimeoutMs = 5000;

// What a receiver lets a sender have under way on one stream. gRPC's 64 KiB would make every larger frame
// wait for window updates.
constexpr int kWindowBytes = 4 << 20;
constexpr int kHttp2FrameBytes = 1 << 20;

// A name is looked up again this soon; gRPC's 30 s would outlast a whole failure.
constexpr int kLookupIntervalMs = 500;

// Calls at a time on one connection. A member has one stream and a few calls on it.
constexpr int kMaxStreamsOfAConnection = 64;

constexpr std::size_t kHeaderSlackBytes = 64 << 10;

int MaxReceiveBytes(const TransportOptions& options) {
  const std::size_t bytes = options.max_frame_bytes + options.max_message_bytes + kHeaderSlackBytes;
  CAIRN_ASSERT(bytes < std::size_t{std::numeric_limits<int>::max()}, "bytes={}", bytes);
  return static_cast<int>(bytes);
}

// `set(name, value)` for each argument that both ends take.
template <typename Set>
void SetCommon(const TransportOptions& options, const Set& set) {
  set(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, MaxReceiveBytes(options));
  set(GRPC_ARG_MAX_SEND_MESSAGE_LENGTH, -1);
  set(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs);
  set(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  set(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);  // Any number.
  set(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kWindowBytes);
  set(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, kHttp2FrameBytes);
  // Nobody compresses here (see also below). A compressed message is held against the limit before it is
  // blown up, so a small one could become any size.
  set(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  set(GRPC_ARG_HTTP2_BDP_PROBE, 0);  // The window is fixed; no pings to estimate it.
}

}  // namespace

std::shared_ptr<grpc::Channel> DialPeer(const std::string& target, const TransportOptions& options) {
  grpc::ChannelArguments arguments;
  SetCommon(options, [&](const char* name, int value) { arguments.SetInt(name, value); });
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, static_cast<int>(options.reconnect_min.count()));
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, static_cast<int>(options.reconnect_max.count()));
  arguments.SetCompressionAlgorithm(GRPC_COMPRESS_NONE);
  // How long one attempt to connect may take.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, static_cast<int>(options.hello_timeout.count()));
  arguments.SetInt(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, kLookupIntervalMs);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // A retry inside of gRPC would say things twice; and members do not talk through a web proxy.
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
}

void ConfigurePeerServer(const TransportOptions& options, grpc::ServerBuilder& builder) {
  SetCommon(options, [&](const char* name, int value) { builder.AddChannelArgument(name, value); });
  for (const auto algorithm : {GRPC_COMPRESS_GZIP, GRPC_COMPRESS_DEFLATE}) {
    builder.SetCompressionAlgorithmSupportStatus(algorithm, false);  // Such a call is refused at its headers.
  }
  builder.SetDefaultCompressionAlgorithm(GRPC_COMPRESS_NONE);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreamsOfAConnection);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kKeepaliveTimeMs / 2);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);  // Our own keepalive is no attack.
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeTimeoutMs);
  // A port in use is an error, not a port shared with another process.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
}

}  // namespace cairn::raft
