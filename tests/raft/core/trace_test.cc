// Runs every tests/traces/*.trace: commands to a small cluster, and what it answered. Invariants are checked
// after every input. `--rewrite` (or CAIRN_REWRITE_TRACES=1) writes what was seen into the files, to be
// reviewed like code.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/raft/core/trace_cluster.h"
#include "tests/raft/core/trace_file.h"

namespace cairn::raft {
namespace {

bool rewrite = false;

std::vector<std::string> TraceFiles() {
  std::vector<std::string> files;
  for (const auto& file : std::filesystem::directory_iterator(CAIRN_SOURCE_DIR "/tests/traces")) {
    if (file.path().extension() == ".trace") files.push_back(file.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string RunCommand(TraceCluster& trace, const std::string& line) {
  std::istringstream in(line);
  std::string command;
  in >> command;
  const TraceArguments arguments = TraceArguments::Parse(line.substr(command.size()));
  const bool known =
      RunClusterCommand(trace, command, arguments) || RunNetworkCommand(trace, command, arguments) ||
      RunDiskCommand(trace, command, arguments) || RunClientCommand(trace, command, arguments) ||
      RunSnapshotCommand(trace, command, arguments);
  if (!known) trace.Say("error: no command '{}'", command);
  return trace.TakeOutput();
}

class TraceTest : public testing::TestWithParam<std::string> {};

TEST_P(TraceTest, Tells) {
  std::vector<TraceBlock> blocks = ParseTrace(ReadFile(GetParam()));
  ASSERT_FALSE(blocks.empty());
  // Every safety test is a liveness test as well.
  ASSERT_EQ(blocks.back().lines.back(), "agree") << GetParam() << " has to end with agreement";

  TraceCluster trace;
  for (TraceBlock& block : blocks) {
    std::string seen;
    for (const std::string& line : block.lines) {
      if (!line.starts_with('#')) seen += RunCommand(trace, line);
    }
    if (!rewrite) {
      EXPECT_EQ(block.expected, seen) << "in the block at " << GetParam() << ":" << block.first_line;
    }
    EXPECT_EQ(seen.find("error: "), std::string::npos) << seen;
    EXPECT_EQ(seen.find("no agreement"), std::string::npos) << GetParam() << "\n" << seen;
    block.expected = seen;
  }
  if (rewrite) std::ofstream(GetParam()) << FormatTrace(blocks);
}

// The scenarios of the checklist that a pure core can show. Those with a reason not to be here are listed in
// tests/traces/README.md.
TEST(TraceCoverage, EveryScenarioOfThePureCoreIsTold) {
  std::string told;
  for (const std::string& file : TraceFiles()) told += ReadFile(file);
  // Properties over many draws are units.
  for (const char* unit : {"member_config_test.cc", "read_queue_test.cc"}) {
    told += ReadFile(std::string(CAIRN_SOURCE_DIR "/tests/raft/core/").append(unit));
  }
  std::vector<int> expected;
  const auto add = [&](int first, int last) {
    for (int number = first; number <= last; ++number) expected.push_back(number);
  };
  add(1, 47);
  add(56, 67);
  add(70, 79);
  add(81, 83);
  add(86, 92);
  add(95, 95);
  add(97, 101);
  for (const int number : expected) {
    const std::string name = fmt::format("R{:02}", number);
    EXPECT_NE(told.find(name), std::string::npos) << "no trace tells " << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Traces, TraceTest, testing::ValuesIn(TraceFiles()),
                         [](const testing::TestParamInfo<std::string>& info) {
                           std::string name = std::filesystem::path(info.param).stem().string();
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace

void RewriteTraces() { rewrite = true; }

}  // namespace cairn::raft

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const bool asked = argc > 1 && std::string(argv[1]) == "--rewrite";
  if (asked ||
      std::getenv("CAIRN_REWRITE_TRACES") != nullptr) {  // NOLINT(concurrency-mt-unsafe): one thread.
    cairn::raft::RewriteTraces();
  }
  return RUN_ALL_TESTS();
}
