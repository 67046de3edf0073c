#pragma once

#include <string>

namespace cairn::raft {

// Puts the checksums of the segment header, of the frames' and records' headers and of the payloads right, as
// far as the frames can be followed, and the name of generation 1 into all of them: a file whose damage only
// the meaning of its fields can show. Any bytes may come.
void ResealSegment(std::string& file);

}  // namespace cairn::raft
