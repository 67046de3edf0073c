#pragma once

#include <memory>
#include <string>

#include "kv/store/memory_kv.h"
#include "kv/store/store_home.h"

namespace cairn::kv {

// A home for stores in memory: what was flushed there survives the database that used it, as a disk survives
// a process. OpenCurrent() after a database has died is the restart after a loss of power. Not thread-safe
// but for MakeImage().
class MemoryHome final : public StoreHome {
 public:
  MemoryHome() = default;

  absl::StatusOr<OpenedStore> OpenCurrent() override;
  absl::StatusOr<std::unique_ptr<StoreImage>> MakeImage(const OpenedStore& store) override;
  absl::StatusOr<std::unique_ptr<IncomingStore>> Receive(const ImageManifest& manifest) override;
  void ForgetIncoming(absl::FunctionRef<bool(std::string_view position)> obsolete) override;

  // The current store, for tests that flush or count writes behind the database's back.
  MemoryKv& current() { return *current_; }

 private:
  class Incoming;

  // The bytes of a broken transfer and the manifest they belong to.
  struct Transfer {
    std::string manifest;
    std::string bytes;
  };

  std::shared_ptr<MemoryKv> current_;
  std::shared_ptr<Transfer> transfer_ = std::make_shared<Transfer>();
};

}  // namespace cairn::kv
