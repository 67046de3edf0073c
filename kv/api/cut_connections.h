#pragma once

#include <cstdint>
#include <vector>

namespace cairn::kv::api {

// Ends, as far as the kernel goes, all TCP connections of this process that were accepted on one of `ports`:
// whoever reads or writes one of them sees its end at once. What the kernel has taken is still delivered, and
// sockets that listen on `ports` go on.
void CutConnections(const std::vector<std::uint16_t>& ports);

}  // namespace cairn::kv::api
