#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>

#include "kv/store/store_home.h"

namespace cairn::kv {

class DiskHome;

// A snapshot arriving as files in a directory. Complete files carry their names; the one that grows ends in
// ".part" and is synced at every kSyncBytes before it grows further, so that after a crash the last whole
// multiple of it below the size can be trusted.
class IncomingFiles final : public IncomingStore {
 public:
  static constexpr std::uint64_t kSyncBytes = 4 << 20;
  static constexpr const char* kIncoming = "incoming";  // The directory in that of the home.
  static constexpr const char* kManifest = "images";    // The manifest's file in it.

  // Goes on after an earlier attempt: with the same image where that ended, with another one of the same
  // origin after the tables that are at the beginning of both. FailedPrecondition, and nothing is kept, if
  // what is to come does not fit beside `reserve_bytes`.
  static absl::StatusOr<std::unique_ptr<IncomingStore>> Begin(DiskHome& home, const ImageManifest& manifest,
                                                              std::uint64_t reserve_bytes);

  [[nodiscard]] Position next() const override { return next_; }
  absl::Status Write(Position at, std::string_view bytes) override;
  absl::StatusOr<OpenedStore> Open() override;
  absl::Status MakeCurrent() override;

 private:
  IncomingFiles(DiskHome& home, ImageManifest manifest);

  absl::Status KeepCommonFiles();
  absl::Status FindPosition();
  absl::Status CheckRoom(std::uint64_t reserve_bytes) const;
  absl::Status CompleteFiles();
  // Makes what has arrived of the present file durable; what is not goes.
  absl::Status SyncPart(std::uint64_t durable);
  [[nodiscard]] std::string PathOf(std::size_t file) const;

  DiskHome& home_;
  const ImageManifest manifest_;
  const std::string directory_;
  Position next_;       // Invariant: below it everything is in the files, and durable up to the last mark.
  std::string opened_;  // The name of the store, once opened.
};

}  // namespace cairn::kv
