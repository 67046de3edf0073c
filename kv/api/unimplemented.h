#pragma once

#include <memory>

#include "kv/api/generic_call.h"
#include "kv/api/unary_call.h"

// RPCs of etcd that cairn does not have yet: answered with a sentence that says so, never with silence.
namespace cairn::kv::api {

void RefuseUnimplemented(UnaryCall& call);
std::unique_ptr<StreamDriver> MakeUnimplementedStream(GenericCall& call);

}  // namespace cairn::kv::api
