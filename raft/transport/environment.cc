#include "raft/transport/environment.h"

namespace cairn::raft {

std::string Printable(std::string_view text) {
  constexpr std::size_t kMaxBytes = 400;
  std::string out(text.substr(0, kMaxBytes));
  for (char& c : out) {
    if (c < ' ' || c > '~') c = '?';
  }
  return out;
}

}  // namespace cairn::raft
