#pragma once

#include "etcd/rpc.grpc.pb.h"

namespace cairn::kv::client {

namespace pb = ::etcdserverpb;

}  // namespace cairn::kv::client
