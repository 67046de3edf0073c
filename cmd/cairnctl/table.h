#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cmd/cairnctl/rows.h"

namespace cairn::ctl {

// Draws rows with lines of +, - and |: headings in capitals and centred, cells to the right. Text of more
// than 30 columns is broken at spaces, with the lines as even as possible.
std::string DrawTable(const Rows& rows);

// The lines a cell is broken into; exposed for its test.
std::vector<std::string> BreakLines(std::string_view text, std::size_t width);

}  // namespace cairn::ctl
