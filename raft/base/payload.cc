#include "raft/base/payload.h"

#include "raft/base/checksum.h"

namespace cairn {

Payload Payload::FromString(std::string bytes) {
  if (bytes.empty()) return {};
  auto owner = std::make_shared<const std::string>(std::move(bytes));
  const std::string_view view = *owner;
  return Payload(std::move(owner), view, Checksum(view));
}

bool Payload::Verify() const { return Checksum(bytes_) == checksum_; }

}  // namespace cairn
