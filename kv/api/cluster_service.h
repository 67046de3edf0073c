#pragma once

#include "etcd/rpc.pb.h"
#include "kv/api/unary_call.h"

// etcdserverpb.Cluster.
namespace cairn::kv::api {

void ServeMemberList(UnaryCall& call);

// From what this member knows now.
etcdserverpb::MemberListResponse ListMembers(const Backend& backend);

}  // namespace cairn::kv::api
