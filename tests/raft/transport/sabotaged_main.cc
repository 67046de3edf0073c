// The transport's tests over a transport of which one rule is broken: the first argument is its number.
#include <gtest/gtest.h>

#include <cstdlib>

#include "raft/transport/sabotage.h"
#include "tests/raft/transport/recorder.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  // A test that fails as it should does so by waiting in vain.
  cairn::raft::testing::patience = absl::Seconds(3);
  if (argc > 1) {
    cairn::raft::sabotaged_transport_rule =
        static_cast<cairn::raft::TransportRule>(std::strtol(argv[1], nullptr, 10));
  }
  return RUN_ALL_TESTS();
}
