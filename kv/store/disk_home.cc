#include "kv/store/disk_home.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "kv/store/files.h"
#include "kv/store/incoming_files.h"
#include "kv/store/rocks_kv.h"
#include "raft/base/assert.h"
#include "raft/base/status.h"

namespace cairn::kv {
namespace {

constexpr const char* kCurrent = "CURRENT";
constexpr const char* kStorePrefix = "store-";
constexpr const char* kOutgoingPrefix = "outgoing-";

// Whether RocksDB has made a store there: it writes its own CURRENT last.
bool HoldsStore(const std::string& directory) { return files::Size(directory + "/CURRENT").ok(); }

bool IsTable(std::string_view name) { return name.ends_with(".sst"); }

// What a copy consists of, tables first and in the order of their numbers: the old ones, which a later copy
// has too, come first, so that a broken transfer finds much of itself in the next one.
absl::StatusOr<std::vector<StoreImage::FileInfo>> ListFiles(const std::string& directory) {
  std::vector<StoreImage::FileInfo> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("LOG") || name == "LOCK" || name == "IDENTITY") continue;
    files.push_back({.name = name, .size = entry.file_size(error)});
  }
  if (error) return absl::InternalError(fmt::format("cannot list {}: {}", directory, error.message()));
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) {
    return IsTable(a.name) != IsTable(b.name) ? IsTable(a.name) : a.name < b.name;
  });
  return files;
}

class DiskImage final : public StoreImage {
 public:
  DiskImage(std::string directory, std::string origin, std::vector<FileInfo> files,
            const StoreOptions& options)
      : directory_(std::move(directory)),
        origin_(std::move(origin)),
        files_(std::move(files)),
        options_(options) {}
  ~DiskImage() override { files::RemoveTree(directory_); }
  DiskImage(const DiskImage&) = delete;
  DiskImage& operator=(const DiskImage&) = delete;

  [[nodiscard]] const std::vector<FileInfo>& files() const override { return files_; }
  [[nodiscard]] const std::string& origin() const override { return origin_; }
  absl::Status Read(std::size_t file, std::uint64_t offset, std::size_t length, std::string& out) override {
    if (file >= files_.size()) return absl::OutOfRangeError("no such file in the image");
    return files::ReadAt(directory_ + "/" + files_[file].name, offset, length, out);
  }
  absl::StatusOr<std::shared_ptr<OrderedKv>> Open() override {
    return OpenRocksKvReadOnly(directory_, options_);
  }

 private:
  const std::string directory_;
  const std::string origin_;
  const std::vector<FileInfo> files_;
  const StoreOptions options_;
};

}  // namespace

std::string DiskHome::NewName(const char* prefix) { return fmt::format("{}{:06}", prefix, ++last_number_); }

absl::Status DiskHome::PointTo(const std::string& name) {
  return files::Replace(directory_, kCurrent, name + "\n");
}

absl::StatusOr<OpenedStore> DiskHome::OpenCurrent() {
  CAIRN_RETURN_IF_ERROR(files::MakeDirectory(directory_));
  absl::StatusOr<std::string> current = files::ReadAll(directory_ + "/" + kCurrent);
  if (!current.ok() && !absl::IsNotFound(current.status())) return current.status();
  std::string name;
  if (current.ok()) name = current->substr(0, current->find('\n'));
  std::error_code error;
  std::vector<std::string> leftovers;
  std::string unnamed;  // A store that CURRENT does not name.
  for (const auto& entry : std::filesystem::directory_iterator(directory_, error)) {
    const std::string found = entry.path().filename().string();
    if (!found.starts_with(kStorePrefix) && !found.starts_with(kOutgoingPrefix)) continue;
    const std::string_view digits = std::string_view(found).substr(found.find('-') + 1);
    std::uint64_t number = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
    last_number_ = std::max(last_number_.load(), number);
    if (found == name) continue;
    leftovers.push_back(found);
    if (found.starts_with(kStorePrefix) && HoldsStore(entry.path().string())) unnamed = found;
  }
  if (error) return absl::InternalError(fmt::format("cannot list {}: {}", directory_, error.message()));
  // Before anything is removed or made: whatever has gone wrong here, the data may still be there.
  if (current.ok() && !std::filesystem::is_directory(directory_ + "/" + name, error)) {
    return absl::DataLossError(
        fmt::format("{}/{} names the store \"{}\", which is not there: put it back, or remove the member and "
                    "add it anew with an empty directory",
                    directory_, kCurrent, name));
  }
  if (!unnamed.empty() && (name.empty() || !HoldsStore(directory_ + "/" + name))) {
    return absl::DataLossError(fmt::format(
        "{}/{} does not name a store, though {} holds one: write its name there if it is the right "
        "one, or remove the member and add it anew with an empty directory",
        directory_, kCurrent, unnamed));
  }
  if (name.empty()) {
    // A store without CURRENT was being made when its process died: nothing in it was ever acknowledged.
    name = NewName(kStorePrefix);
    CAIRN_RETURN_IF_ERROR(files::MakeDirectory(directory_ + "/" + name));
    CAIRN_RETURN_IF_ERROR(PointTo(name));
  }
  for (const std::string& leftover : leftovers) files::RemoveTree(directory_ + "/" + leftover);
  return OpenStore(name);
}

absl::StatusOr<OpenedStore> DiskHome::OpenStore(const std::string& name) const {
  const std::string path = directory_ + "/" + name;
  CAIRN_RETURN_IF_ERROR(files::Observe("open", path));
  CAIRN_ASSIGN_OR_RETURN(std::shared_ptr<OrderedKv> kv, OpenRocksKv(path, options_));
  return OpenedStore{.kv = std::move(kv), .name = name, .remove = [path] { files::RemoveTree(path); }};
}

absl::StatusOr<std::unique_ptr<StoreImage>> DiskHome::MakeImage(const OpenedStore& store) {
  CAIRN_ASSIGN_OR_RETURN(std::string origin, files::ReadAll(directory_ + "/" + store.name + "/IDENTITY"));
  origin.erase(std::remove(origin.begin(), origin.end(), '\n'), origin.end());
  const std::string copy = directory_ + "/" + NewName(kOutgoingPrefix);
  CAIRN_RETURN_IF_ERROR(store.kv->Checkpoint(copy));
  absl::StatusOr<std::vector<StoreImage::FileInfo>> files = ListFiles(copy);
  if (!files.ok()) {
    files::RemoveTree(copy);
    return files.status();
  }
  return std::make_unique<DiskImage>(copy, std::move(origin), *std::move(files), options_);
}

absl::StatusOr<std::unique_ptr<IncomingStore>> DiskHome::Receive(const ImageManifest& manifest) {
  return IncomingFiles::Begin(*this, manifest, options_.receive_reserve_bytes);
}

void DiskHome::ForgetIncoming(absl::FunctionRef<bool(std::string_view position)> obsolete) {
  const std::string incoming = directory_ + "/" + IncomingFiles::kIncoming;
  if (!files::Size(incoming).ok()) return;
  const absl::StatusOr<std::string> stored = files::ReadAll(incoming + "/" + IncomingFiles::kManifest);
  const absl::StatusOr<ImageManifest> manifest =
      stored.ok() ? ImageManifest::Decode(*stored) : stored.status();
  // Without a manifest no transfer can go on with it.
  if (!manifest.ok() || obsolete(manifest->position)) files::RemoveTree(incoming);
}

}  // namespace cairn::kv
