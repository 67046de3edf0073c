// A member that does nothing but keep its streams, in a process of its own so that it can be killed.
//
//   raft_transport_peer ID PEER_ID PEER_URL
//
// Prints its URL and runs until its standard input ends.
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "tests/raft/transport/recorder.h"

int main(int argc, char** argv) {
  using cairn::raft::NodeId;
  if (argc != 4) return 2;
  cairn::raft::testing::TestMember member(std::strtoull(argv[1], nullptr, 10));
  const absl::Status started = member.Start();
  if (!started.ok()) return 1;
  member.transport->SetPeers(
      {{.id = NodeId{std::strtoull(argv[2], nullptr, 10)}, .urls = {argv[3]}, .incarnation = {}}});
  std::cout << member.url() << std::endl;
  char byte = 0;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  return 0;
}
