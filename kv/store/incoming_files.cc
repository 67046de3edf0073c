#include "kv/store/incoming_files.h"

#include <fmt/format.h>

#include <filesystem>
#include <set>
#include <utility>

#include "kv/store/disk_home.h"
#include "kv/store/files.h"
#include "raft/base/assert.h"
#include "raft/base/probe.h"
#include "raft/base/status.h"

namespace cairn::kv {
namespace {

constexpr const char* kDirectory = "/incoming";
constexpr const char* kManifest = "images";
constexpr const char* kPart = ".part";

}  // namespace

IncomingFiles::IncomingFiles(DiskHome& home, ImageManifest manifest)
    : home_(home), manifest_(std::move(manifest)), directory_(home.directory() + kDirectory) {}

std::string IncomingFiles::PathOf(std::size_t file) const {
  return directory_ + "/" + manifest_.files[file].name;
}

absl::StatusOr<std::unique_ptr<IncomingStore>> IncomingFiles::Begin(DiskHome& home,
                                                                    const ImageManifest& manifest) {
  for (const StoreImage::FileInfo& file : manifest.files) {
    if (file.name == kManifest || file.name.ends_with(kPart)) {
      return absl::InvalidArgumentError(fmt::format("the manifest names a file {}", file.name));
    }
  }
  std::unique_ptr<IncomingFiles> incoming(new IncomingFiles(home, manifest));
  CAIRN_RETURN_IF_ERROR(files::MakeDirectory(incoming->directory_));
  CAIRN_RETURN_IF_ERROR(incoming->KeepCommonFiles());
  CAIRN_RETURN_IF_ERROR(incoming->FindPosition());
  CAIRN_RETURN_IF_ERROR(incoming->CompleteFiles());
  return incoming;
}

// Removes what does not belong to the image that is coming.
absl::Status IncomingFiles::KeepCommonFiles() {
  const absl::StatusOr<std::string> stored = files::ReadAll(directory_ + "/" + kManifest);
  if (stored.ok() && *stored == manifest_.Encode()) {
    CAIRN_PROBE("snapshot_resumed");
    return absl::OkStatus();
  }
  std::set<std::string> kept;
  const absl::StatusOr<ImageManifest> old = stored.ok() ? ImageManifest::Decode(*stored) : stored.status();
  if (old.ok() && old->origin == manifest_.origin) {
    for (std::size_t i = 0; i < std::min(old->files.size(), manifest_.files.size()); ++i) {
      const StoreImage::FileInfo& a = old->files[i];
      const StoreImage::FileInfo& b = manifest_.files[i];
      // A table's number is used once in a store's life: the same name is the same content.
      if (a.name != b.name || a.size != b.size || !a.name.ends_with(".sst")) break;
      CAIRN_PROBE("snapshot_table_reused");
      kept.insert(a.name);
    }
  }
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, error)) {
    if (!kept.contains(entry.path().filename().string())) files::RemoveTree(entry.path().string());
  }
  if (error) return absl::InternalError(fmt::format("cannot list {}: {}", directory_, error.message()));
  return files::Replace(directory_, kManifest, manifest_.Encode());
}

absl::Status IncomingFiles::FindPosition() {
  for (next_ = {}; next_.file < manifest_.files.size(); ++next_.file) {
    const absl::StatusOr<std::uint64_t> whole = files::Size(PathOf(next_.file));
    if (whole.ok() && *whole == manifest_.files[next_.file].size) continue;
    const std::string part = PathOf(next_.file) + kPart;
    const absl::StatusOr<std::uint64_t> size = files::Size(part);
    if (!size.ok()) return absl::OkStatus();
    next_.offset = *size / kSyncBytes * kSyncBytes;
    return files::Truncate(part, next_.offset);
  }
  return absl::OkStatus();
}

// Gives finished files their names; an empty file is finished before its first byte.
absl::Status IncomingFiles::CompleteFiles() {
  while (next_.file < manifest_.files.size() && next_.offset == manifest_.files[next_.file].size) {
    const std::string part = PathOf(next_.file) + kPart;
    CAIRN_RETURN_IF_ERROR(files::Append(part, {}));
    CAIRN_RETURN_IF_ERROR(files::Sync(part));
    CAIRN_RETURN_IF_ERROR(files::Rename(part, PathOf(next_.file)));
    next_ = {.file = next_.file + 1, .offset = 0};
  }
  return absl::OkStatus();
}

absl::Status IncomingFiles::Write(Position at, std::string_view bytes) {
  CAIRN_ASSERT(at == next_, "file={} offset={} expected file={} offset={}", at.file, at.offset, next_.file,
               next_.offset);
  if (next_.file >= manifest_.files.size() ||
      bytes.size() > manifest_.files[next_.file].size - next_.offset) {
    return absl::InvalidArgumentError("more bytes than the manifest promised");
  }
  const std::string part = PathOf(next_.file) + kPart;
  while (!bytes.empty()) {
    // Never past a mark without a sync: what is below the last mark in a file's size is durable.
    const std::uint64_t room = kSyncBytes - next_.offset % kSyncBytes;
    const std::string_view piece = bytes.substr(0, room);
    CAIRN_RETURN_IF_ERROR(files::Append(part, piece));
    next_.offset += piece.size();
    bytes.remove_prefix(piece.size());
    if (next_.offset % kSyncBytes == 0) CAIRN_RETURN_IF_ERROR(files::Sync(part));
  }
  return CompleteFiles();
}

absl::StatusOr<OpenedStore> IncomingFiles::Open() {
  if (next_.file < manifest_.files.size()) {
    return absl::FailedPreconditionError(
        fmt::format("file {} of {} has not arrived", next_.file, manifest_.files.size()));
  }
  files::RemoveTree(directory_ + "/" + kManifest);
  CAIRN_RETURN_IF_ERROR(files::Sync(directory_));
  opened_ = home_.NewName("store-");
  const std::string path = home_.directory() + "/" + opened_;
  CAIRN_RETURN_IF_ERROR(files::Rename(directory_, path));
  CAIRN_RETURN_IF_ERROR(files::Sync(home_.directory()));
  return home_.OpenStore(opened_);
}

absl::Status IncomingFiles::MakeCurrent() {
  CAIRN_ASSERT(!opened_.empty(), "made current before it was opened");
  return home_.PointTo(opened_);
}

}  // namespace cairn::kv
