#pragma once

#include <memory>
#include <vector>

#include "kv/api/generic_call.h"
#include "kv/api/hot_call.h"

namespace cairn::kv::api {

// Who serves which method.

// The methods of HotService.
std::vector<HotService::Entry> HotMethods();

// The driver of a generic call whose method is known.
std::unique_ptr<StreamDriver> MakeDriver(GenericCall& call);

}  // namespace cairn::kv::api
