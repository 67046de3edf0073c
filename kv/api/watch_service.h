#pragma once

#include <memory>

#include "kv/api/generic_call.h"

// etcdserverpb.Watch: the transport of a kv::WatchStream.
namespace cairn::kv::api {

std::unique_ptr<StreamDriver> MakeWatchStream(GenericCall& call);

}  // namespace cairn::kv::api
