#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "raft/core/entry.h"
#include "raft/log/format.h"

namespace cairn::raft {

// Puts the records of one batch into the form of the disk. Headers and small payloads are laid out in one
// buffer, which is kept for the next batch; larger payloads are referred to where they are. Not thread-safe.
class RecordWriter {
 public:
  RecordWriter() { Begin(); }

  // Forgets the batch before.
  void Begin();
  void Add(const HardState& hard_state);
  void AddTruncation(const EntryId& keep);
  // The payload must stay until the pieces were written.
  void Add(const Entry& entry);

  [[nodiscard]] bool empty() const { return records_ == 0; }
  // What the batch takes in the file.
  [[nodiscard]] std::uint64_t frame_bytes() const { return FrameBytes(body_bytes_); }

  // Completes the frame; with `end_bytes` zeroes behind it (see the README: "the end of a segment"). The
  // pieces are good until the next Begin().
  std::span<const std::string_view> Finish(Generation generation, BatchNumber batch, std::uint64_t end_bytes);

 private:
  // Copying less than this is cheaper than one more piece for the kernel to walk.
  static constexpr std::size_t kCopiedPayloadBytes = 1024;

  struct Reference {
    std::size_t buffer_before;  // How much of buffer_ comes before it.
    std::string_view bytes;
  };

  char* Extend(std::uint64_t bytes);
  void Count(std::uint64_t record_checksum, std::uint64_t bytes);

  std::string buffer_;  // The frame without the payloads in references_.
  std::vector<Reference> references_;
  std::vector<std::string_view> pieces_;
  std::uint64_t body_bytes_ = 0;
  std::uint32_t records_ = 0;
  std::uint64_t chain_ = 0;
};

}  // namespace cairn::raft
