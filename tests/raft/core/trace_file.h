#pragma once

#include <string>
#include <vector>

namespace cairn::raft {

// One block of a trace: comments and commands, a line of dashes, and what was seen.
struct TraceBlock {
  std::vector<std::string> lines;  // Comments and commands, as written.
  std::string expected;            // Lines, each with its line feed.
  int first_line = 0;              // Where the block begins in the file; for messages.
};

// Blocks are separated by empty lines.
std::vector<TraceBlock> ParseTrace(const std::string& text);
std::string FormatTrace(const std::vector<TraceBlock>& blocks);

}  // namespace cairn::raft
