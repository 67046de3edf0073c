#pragma once

#include <memory>

#include "kv/api/generic_call.h"

// etcdserverpb.KV/RangeStream: a Range whose answer comes in chunks.
namespace cairn::kv::api {

std::unique_ptr<StreamDriver> MakeRangeStream(GenericCall& call);

}  // namespace cairn::kv::api
