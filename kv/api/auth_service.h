#pragma once

#include "kv/api/unary_call.h"

// What clients ask about authentication even where there is none.
namespace cairn::kv::api {

void ServeAuthStatus(UnaryCall& call);
void ServeAuthenticate(UnaryCall& call);  // FailedPrecondition: clients take it as "go on without".

}  // namespace cairn::kv::api
