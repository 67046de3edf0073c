#include "kv/api/health_service.h"

#include "health/health.pb.h"
#include "kv/api/errors.h"

namespace cairn::kv::api {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

// One status, then silence: it does not change while there is somebody to tell. Stopping ends the stream.
class HealthWatch final : public StreamDriver {
 public:
  explicit HealthWatch(GenericCall& call) : call_(call) {}

  void Start() override { call_.Read(); }

  void OnRead(const grpc::ByteBuffer& message) override {
    HealthCheckRequest request;
    const ReceivedMessage received = Contiguous(message);
    if (!request.ParseFromArray(received.bytes().data(), static_cast<int>(received.bytes().size()))) {
      return call_.Finish(MalformedRequest("HealthCheckRequest"));
    }
    HealthCheckResponse response;
    response.set_status(request.service().empty() ? HealthCheckResponse::SERVING
                                                  : HealthCheckResponse::SERVICE_UNKNOWN);
    call_.Write(EncodeMessage(response));
  }

  // Nothing is read after the one message, so this says that there was none.
  void OnHalfClosed() override { call_.Finish(RequestMissing()); }

 private:
  GenericCall& call_;
};

}  // namespace

void ServeHealthCheck(UnaryCall& call) {
  const auto* request = call.Parse<HealthCheckRequest>();
  if (request == nullptr) return;
  if (!request->service().empty()) return call.Refuse(absl::NotFoundError("unknown service"));
  HealthCheckResponse response;
  response.set_status(HealthCheckResponse::SERVING);
  call.Answer(response);
}

std::unique_ptr<StreamDriver> MakeHealthWatch(GenericCall& call) {
  return std::make_unique<HealthWatch>(call);
}

}  // namespace cairn::kv::api
