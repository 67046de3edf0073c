#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include <atomic>
#include <cstdint>
#include <string>

#include "kv/store/options.h"
#include "kv/store/store_home.h"

namespace cairn::kv {

// A directory with RocksDB stores in it:
//
//   CURRENT          the name of the current store; replaced by a rename
//   store-N/         a store
//   outgoing-N/      a copy that is being sent
//   incoming/        files of a snapshot that is being received, *.part the unfinished one
//   incoming/images  the manifest they belong to
//
// What CURRENT does not name is removed when the home is opened, except incoming/, which a later transfer may
// go on with until ForgetIncoming(). Data loss, and nothing is removed, if CURRENT names nothing while there
// is something it should name. Thread-safe.
class DiskHome final : public StoreHome {
 public:
  DiskHome(std::string directory, const StoreOptions& options)
      : directory_(std::move(directory)), options_(options) {}

  absl::StatusOr<OpenedStore> OpenCurrent() override;
  absl::StatusOr<std::unique_ptr<StoreImage>> MakeImage(const OpenedStore& store) override;
  absl::StatusOr<std::unique_ptr<IncomingStore>> Receive(const ImageManifest& manifest) override;

  void ForgetIncoming(absl::FunctionRef<bool(std::string_view position)> obsolete) override;

  // For the incoming store.
  [[nodiscard]] const std::string& directory() const { return directory_; }
  [[nodiscard]] absl::StatusOr<OpenedStore> OpenStore(const std::string& name) const;
  [[nodiscard]] std::string NewName(const char* prefix);
  // Durable when OK is returned; after an error CURRENT may name either store.
  absl::Status PointTo(const std::string& name);

 private:
  const std::string directory_;
  const StoreOptions options_;
  std::atomic<std::uint64_t> last_number_{0};
};

}  // namespace cairn::kv
