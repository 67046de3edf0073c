#include "raft/transport/wire_convert.h"

namespace cairn::raft {
namespace {

void ToWire(const std::vector<NodeId>& ids, google::protobuf::RepeatedField<std::uint64_t>& out) {
  for (const NodeId id : ids) out.Add(id.value());
}

std::vector<NodeId> FromWire(const google::protobuf::RepeatedField<std::uint64_t>& in) {
  std::vector<NodeId> ids;
  ids.reserve(static_cast<std::size_t>(in.size()));
  for (const std::uint64_t id : in) ids.emplace_back(id);
  return ids;
}

}  // namespace

void ToWire(const Hello& hello, wire::Hello& out) {
  out.set_protocol(hello.protocol);
  out.set_cluster(hello.cluster.value());
  out.set_member(hello.member.value());
  out.set_receiver(hello.receiver.value());
  out.set_incarnation(hello.incarnation.value());
}

Hello FromWire(const wire::Hello& in) {
  return {.protocol = in.protocol(),
          .cluster = ClusterId{in.cluster()},
          .member = NodeId{in.member()},
          .receiver = NodeId{in.receiver()},
          .incarnation = Incarnation{in.incarnation()}};
}

void ToWire(const EntryId& id, wire::EntryId& out) {
  out.set_term(id.term.value());
  out.set_index(id.index.value());
}

EntryId FromWire(const wire::EntryId& in) { return {.term = Term{in.term()}, .index = Index{in.index()}}; }

void ToWire(const SnapshotMeta& meta, wire::SnapshotMeta& out) {
  ToWire(meta.last, *out.mutable_last());
  ToWire(meta.config.voters, *out.mutable_voters());
  ToWire(meta.config.outgoing, *out.mutable_outgoing());
  ToWire(meta.config.learners, *out.mutable_learners());
  ToWire(meta.config.learners_next, *out.mutable_learners_next());
  out.set_time(meta.time.value());
}

SnapshotMeta FromWire(const wire::SnapshotMeta& in) {
  return {.last = FromWire(in.last()),
          .config = {.voters = FromWire(in.voters()),
                     .outgoing = FromWire(in.outgoing()),
                     .learners = FromWire(in.learners()),
                     .learners_next = FromWire(in.learners_next())},
          .time = ClusterTime{in.time()}};
}

}  // namespace cairn::raft
