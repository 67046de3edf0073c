#pragma once

#include <string>
#include <system_error>

namespace cairn {

// The system's sentence for an errno; unlike strerror(), for any thread.
inline std::string ErrnoText(int error) { return std::generic_category().message(error); }

}  // namespace cairn
