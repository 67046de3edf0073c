#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kv/store/ordered_kv.h"
#include "raft/replica/ports.h"

// Where stores live: one is current; others come in beside it as snapshots and take its place, or are copied
// out. On disk (kv/store/disk_home.h) or in memory (kv/store/memory_home.h).
namespace cairn::kv {

struct OpenedStore {
  std::shared_ptr<OrderedKv> kv;  // Shared with the home if that keeps it across a simulated crash.
  std::string name;
  // Removes the files of a store that is no longer current and has been closed; best effort, for the next
  // StoreHome::OpenCurrent() repeats it. May outlive the home, as answers that reference the store may.
  std::function<void()> remove;
};

// A frozen copy of a store: named files in a fixed order, those that change least first. One thread at a
// time. Destroying it removes the copy.
class StoreImage {
 public:
  using FileInfo = raft::SnapshotSource::FileInfo;
  virtual ~StoreImage() = default;
  [[nodiscard]] virtual const std::vector<FileInfo>& files() const = 0;
  // Which store the files come from: files of the same name, size and origin have the same content.
  [[nodiscard]] virtual const std::string& origin() const = 0;
  virtual absl::Status Read(std::size_t file, std::uint64_t offset, std::size_t length, std::string& out) = 0;
  // The copy itself, for reading. Must not outlive the image.
  virtual absl::StatusOr<std::shared_ptr<OrderedKv>> Open() = 0;
};

// A store that is being received, file by file. One thread at a time. Destroying it before MakeCurrent()
// keeps what has arrived, for a later attempt.
class IncomingStore {
 public:
  using Position = raft::SnapshotSink::Position;
  virtual ~IncomingStore() = default;
  [[nodiscard]] virtual Position next() const = 0;
  // REQUIRES: at == next().
  virtual absl::Status Write(Position at, std::string_view bytes) = 0;
  // All bytes are here: makes them durable and opens them. Not current yet.
  virtual absl::StatusOr<OpenedStore> Open() = 0;
  // From now on, also after a crash, this store is the current one. REQUIRES: Open() succeeded.
  virtual absl::Status MakeCurrent() = 0;
};

struct ImageManifest {
  std::string origin;
  std::string position;  // Which state it is; two images of one origin differ in it.
  std::vector<StoreImage::FileInfo> files;

  [[nodiscard]] std::string Encode() const;
  // From the network: refuses names that are not plain file names, repetitions and nonsense.
  static absl::StatusOr<ImageManifest> Decode(std::string_view bytes);
};

class StoreHome {
 public:
  virtual ~StoreHome() = default;
  // Opens the current store; an empty one if there is none. Removes what earlier crashes left behind.
  virtual absl::StatusOr<OpenedStore> OpenCurrent() = 0;
  // Any thread.
  virtual absl::StatusOr<std::unique_ptr<StoreImage>> MakeImage(const OpenedStore& store) = 0;
  // Goes on where an earlier attempt for the same or an overlapping image ended. One at a time.
  virtual absl::StatusOr<std::unique_ptr<IncomingStore>> Receive(const ImageManifest& manifest) = 0;
  // Removes what a broken transfer has left, if there is something and its image stands at an `obsolete`
  // position. Best effort. REQUIRES: nothing is being received.
  virtual void ForgetIncoming(absl::FunctionRef<bool(std::string_view position)> obsolete) = 0;
};

}  // namespace cairn::kv
