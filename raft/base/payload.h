#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace cairn {

// Immutable bytes with their checksum, shared by reference: the same bytes go to the log, to every peer and
// to the state machine without being copied. Copying a Payload copies a pointer and counts a reference.
//
// The checksum is made once, by the proposer, and travels with the bytes; whoever reads them back from a disk
// or a wire compares (FromParts() does not).
class Payload {
 public:
  Payload() = default;

  // Takes the bytes over and checksums them.
  static Payload FromString(std::string bytes);

  // Bytes owned by somebody else, kept alive by `owner` (a received network buffer, a file block), with the
  // checksum that came with them. The caller has compared it or calls Verify().
  static Payload FromParts(std::shared_ptr<const void> owner, std::string_view bytes,
                           std::uint64_t checksum) {
    return Payload(std::move(owner), bytes, checksum);
  }

  [[nodiscard]] std::string_view bytes() const { return bytes_; }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  [[nodiscard]] std::uint64_t checksum() const { return checksum_; }
  // What keeps bytes() alive; null for an empty payload or for bytes with static lifetime.
  [[nodiscard]] const std::shared_ptr<const void>& owner() const { return owner_; }

  // Whether the bytes still have the checksum that came with them.
  [[nodiscard]] bool Verify() const;

  friend bool operator==(const Payload& a, const Payload& b) {
    return a.checksum_ == b.checksum_ && a.bytes_ == b.bytes_;
  }

 private:
  Payload(std::shared_ptr<const void> owner, std::string_view bytes, std::uint64_t checksum)
      : owner_(std::move(owner)), bytes_(bytes), checksum_(checksum) {}

  std::shared_ptr<const void> owner_;
  std::string_view bytes_;
  std::uint64_t checksum_ = kEmptyChecksum;

  static constexpr std::uint64_t kEmptyChecksum = 0x2d06800538d394c2;  // XXH3-64 of nothing; a test holds it.
};

}  // namespace cairn
