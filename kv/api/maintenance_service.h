#pragma once

#include "etcd/rpc.pb.h"
#include "kv/api/unary_call.h"

// etcdserverpb.Maintenance.
namespace cairn::kv::api {

void ServeAlarm(UnaryCall& call);
void ServeStatus(UnaryCall& call);      // Local; never waits.
void ServeDefragment(UnaryCall& call);  // Nothing to do: space is given back all the time.
void ServeHash(UnaryCall& call);
void ServeHashKv(UnaryCall& call);
void ServeMoveLeader(UnaryCall& call);  // On the leader only.

etcdserverpb::StatusResponse DescribeStatus(const Backend& backend);

}  // namespace cairn::kv::api
