#include "tests/raft/core/trace_file.h"

#include <sstream>

namespace cairn::raft {

std::vector<TraceBlock> ParseTrace(const std::string& text) {
  std::vector<TraceBlock> blocks;
  std::istringstream in(text);
  TraceBlock block;
  bool after_dashes = false;
  int number = 0;
  const auto finish = [&] {
    if (!block.lines.empty()) blocks.push_back(std::move(block));
    block = {};
    after_dashes = false;
  };
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.empty()) {
      finish();
    } else if (line == "----") {
      after_dashes = true;
    } else if (after_dashes) {
      block.expected += line + "\n";
    } else {
      if (block.lines.empty()) block.first_line = number;
      block.lines.push_back(line);
    }
  }
  finish();
  return blocks;
}

std::string FormatTrace(const std::vector<TraceBlock>& blocks) {
  std::string text;
  for (const TraceBlock& block : blocks) {
    if (!text.empty()) text += "\n";
    bool has_command = false;
    for (const std::string& line : block.lines) {
      text += line + "\n";
      if (!line.starts_with('#')) has_command = true;
    }
    if (has_command) text += "----\n" + block.expected;
  }
  return text;
}

}  // namespace cairn::raft
