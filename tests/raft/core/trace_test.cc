// Runs every tests/traces/*.trace: commands to a small cluster, and what it answered. Invariants are checked
// after every input. `--rewrite` (or CAIRN_REWRITE_TRACES=1) writes what was seen into the files, to be
// reviewed like code.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
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

// The numbers of the checklist that a text names: R01 to R112, as whole words.
std::set<int> NumbersIn(const std::string& text) {
  static const std::regex number("\\bR([0-9]{2,3})\\b");
  std::set<int> numbers;
  for (std::sregex_iterator it(text.begin(), text.end(), number); it != std::sregex_iterator(); ++it) {
    numbers.insert(std::stoi((*it)[1]));
  }
  return numbers;
}

// Those without a trace have a reason in tests/traces/README.md, or a test elsewhere that names them.
std::set<int> NamedInSources() {
  std::set<int> named;
  for (const auto& file : std::filesystem::recursive_directory_iterator(CAIRN_SOURCE_DIR "/tests")) {
    if (file.path().extension() == ".cc") named.merge(NumbersIn(ReadFile(file.path().string())));
  }
  return named;
}

TEST(TraceCoverage, KnowsR10FromR100) {
  EXPECT_EQ(NumbersIn("R100, R07: and R1, XR55"), (std::set<int>{7, 100}));
}

TEST(TraceCoverage, EveryScenarioIsToldByATraceOrNamedByATestOrExcused) {
  std::set<int> told;
  for (const std::string& file : TraceFiles()) told.merge(NumbersIn(ReadFile(file)));
  // The table of scenarios that wait, or differ on purpose; all of it stands below this line.
  const std::string readme = ReadFile(CAIRN_SOURCE_DIR "/tests/traces/README.md");
  const std::size_t excuses = readme.find("## Scenarios that no test tells yet");
  ASSERT_NE(excuses, std::string::npos);
  const std::set<int> excused = NumbersIn(readme.substr(excuses));
  const std::set<int> named = NamedInSources();
  for (int number = 1; number <= 112; ++number) {
    const bool known = told.contains(number) || named.contains(number);
    EXPECT_NE(known, excused.contains(number))
        << fmt::format("R{:02}", number) << (known ? " is told and excused" : " is neither told nor excused");
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
