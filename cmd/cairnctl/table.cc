#include "cmd/cairnctl/table.h"

#include <algorithm>
#include <cctype>
#include <limits>

#include "cmd/cairnctl/go_text.h"

namespace cairn::ctl {
namespace {

constexpr std::size_t kCellWidth = 30;

// Columns on the screen, counting code points: wide characters are not told apart.
std::size_t Width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    text.remove_prefix(std::max<std::size_t>(DecodeUtf8(text).first, 1));
    ++width;
  }
  return width;
}

std::string Right(const std::string& text, std::size_t width) {
  return std::string(width - std::min(width, Width(text)), ' ') + text;
}

std::string Centred(const std::string& text, std::size_t width) {
  const std::size_t gap = width - std::min(width, Width(text));
  return std::string(gap / 2, ' ') + text + std::string(gap - gap / 2, ' ');
}

std::string Capitals(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace

std::vector<std::string> BreakLines(std::string_view text, std::size_t width) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (end > 0) words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (words.empty()) return {""};
  for (const std::string& word : words) width = std::max(width, Width(word));
  // cost[i]: of the best way to set the words from i on; the empty room of a line counts squared, that of the
  // last line not at all. From the end to the front, each knows the best rest.
  const std::size_t count = words.size();
  std::vector<std::size_t> cost(count + 1, std::numeric_limits<std::size_t>::max());
  std::vector<std::size_t> next(count + 1, count);
  cost[count] = 0;
  for (std::size_t i = count; i-- > 0;) {
    std::size_t length = 0;
    for (std::size_t j = i; j < count; ++j) {
      length += Width(words[j]) + (j > i ? 1 : 0);
      if (length > width) break;
      const std::size_t room = width - length;
      const std::size_t total = j + 1 == count ? 0 : cost[j + 1] + room * room;
      if (total < cost[i]) {
        cost[i] = total;
        next[i] = j + 1;
      }
    }
  }
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < count; i = next[i]) {
    lines.push_back(Join({words.begin() + static_cast<std::ptrdiff_t>(i),
                          words.begin() + static_cast<std::ptrdiff_t>(next[i])},
                         " "));
  }
  return lines;
}

std::string DrawTable(const Rows& rows) {
  const std::size_t columns = rows.header.size();
  std::vector<std::size_t> widths;
  for (const std::string& title : rows.header) widths.push_back(Width(title));
  // broken[row][column]: the lines of a cell.
  std::vector<std::vector<std::vector<std::string>>> broken;
  for (const std::vector<std::string>& row : rows.rows) {
    broken.emplace_back();
    for (std::size_t column = 0; column < columns; ++column) {
      broken.back().push_back(BreakLines(row[column], kCellWidth));
      for (const std::string& line : broken.back().back()) {
        widths[column] = std::max(widths[column], Width(line));
      }
    }
  }

  std::string border = "+";
  for (const std::size_t width : widths) border += std::string(width + 2, '-') + '+';
  border += '\n';
  std::string out = border + '|';
  for (std::size_t column = 0; column < columns; ++column) {
    out += ' ' + Centred(Capitals(rows.header[column]), widths[column]) + " |";
  }
  out += '\n' + border;
  for (const auto& row : broken) {
    std::size_t height = 0;
    for (const auto& cell : row) height = std::max(height, cell.size());
    for (std::size_t line = 0; line < height; ++line) {
      out += '|';
      for (std::size_t column = 0; column < columns; ++column) {
        const std::string text = line < row[column].size() ? row[column][line] : "";
        out += ' ' + Right(text, widths[column]) + " |";
      }
      out += '\n';
    }
  }
  return out + border;
}

}  // namespace cairn::ctl
