#pragma once

#include "etcd/rpc.pb.h"
#include "kv/api/backend.h"

namespace cairn::kv::api {

// The header of a response that is built as an object.
template <class Response>
void FillHeader(const Backend& backend, Revision revision, Response& response) {
  const HeaderFields fields = backend.Header(revision);
  etcdserverpb::ResponseHeader& header = *response.mutable_header();
  header.set_cluster_id(fields.cluster_id);
  header.set_member_id(fields.member_id);
  header.set_revision(fields.revision);
  header.set_raft_term(fields.raft_term);
}

}  // namespace cairn::kv::api
