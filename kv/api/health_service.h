#pragma once

#include <memory>

#include "kv/api/generic_call.h"
#include "kv/api/unary_call.h"

// grpc.health.v1: the process serves. It says nothing of the quorum; /readyz does.
namespace cairn::kv::api {

void ServeHealthCheck(UnaryCall& call);
std::unique_ptr<StreamDriver> MakeHealthWatch(GenericCall& call);

}  // namespace cairn::kv::api
