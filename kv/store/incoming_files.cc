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

constexpr const char* kPart = ".part";

// The last mark below `bytes`. A file that ends exactly at a mark may not have been synced there yet.
std::uint64_t MarkBelow(std::uint64_t bytes) {
  return bytes == 0 ? 0 : (bytes - 1) / IncomingFiles::kSyncBytes * IncomingFiles::kSyncBytes;
}

}  // namespace

IncomingFiles::IncomingFiles(DiskHome& home, ImageManifest manifest)
    : home_(home), manifest_(std::move(manifest)), directory_(home.directory() + "/" + kIncoming) {}

std::string IncomingFiles::PathOf(std::size_t file) const {
  return directory_ + "/" + manifest_.files[file].name;
}

absl::StatusOr<std::unique_ptr<IncomingStore>> IncomingFiles::Begin(DiskHome& home,
                                                                    const ImageManifest& manifest,
                                                                    std::uint64_t reserve_bytes) {
  for (const StoreImage::FileInfo& file : manifest.files) {
    if (file.name == kManifest || file.name.ends_with(kPart)) {
      return absl::InvalidArgumentError(fmt::format("the manifest names a file {}", file.name));
    }
  }
  std::unique_ptr<IncomingFiles> incoming(new IncomingFiles(home, manifest));
  CAIRN_RETURN_IF_ERROR(files::MakeDirectory(incoming->directory_));
  CAIRN_RETURN_IF_ERROR(incoming->KeepCommonFiles());
  CAIRN_RETURN_IF_ERROR(incoming->FindPosition());
  if (absl::Status room = incoming->CheckRoom(reserve_bytes); !room.ok()) {
    files::RemoveTree(incoming->directory_);  // What has arrived takes the space that is missing.
    return room;
  }
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
    next_.offset = MarkBelow(*size);
    return files::Truncate(part, next_.offset);
  }
  return absl::OkStatus();
}

absl::Status IncomingFiles::CheckRoom(std::uint64_t reserve_bytes) const {
  CAIRN_ASSIGN_OR_RETURN(const std::uint64_t free, files::FreeBytes(directory_));
  std::uint64_t missing = 0;
  bool fits = true;
  for (std::size_t i = next_.file; i < manifest_.files.size() && fits; ++i) {
    const std::uint64_t size = manifest_.files[i].size - (i == next_.file ? next_.offset : 0);
    fits = size <= free - missing;  // In this order: a manifest may promise more than a sum can hold.
    if (fits) missing += size;
  }
  if (fits && reserve_bytes <= free - missing) return absl::OkStatus();
  return absl::FailedPreconditionError(fmt::format(
      "a snapshot of {} files and {} bytes in reserve do not fit into the {} bytes that are left at "
      "{}: make room there",
      manifest_.files.size(), reserve_bytes, free, home_.directory()));
}

absl::Status IncomingFiles::SyncPart(std::uint64_t durable) {
  const std::string part = PathOf(next_.file) + kPart;
  absl::Status synced = files::Sync(part);
  if (synced.ok()) return synced;
  // Nobody knows what of it reached the disk, and a later sync would not tell.
  next_.offset = durable;
  CAIRN_RETURN_IF_ERROR(files::Truncate(part, durable));
  return synced;
}

// Gives finished files their names; an empty file is finished before its first byte.
absl::Status IncomingFiles::CompleteFiles() {
  while (next_.file < manifest_.files.size() && next_.offset == manifest_.files[next_.file].size) {
    const std::string part = PathOf(next_.file) + kPart;
    CAIRN_RETURN_IF_ERROR(files::Append(part, {}));
    CAIRN_RETURN_IF_ERROR(SyncPart(MarkBelow(next_.offset)));
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
    if (absl::Status appended = files::Append(part, piece); !appended.ok()) {
      CAIRN_RETURN_IF_ERROR(files::Truncate(part, next_.offset));  // A part of the piece may be there.
      return appended;
    }
    next_.offset += piece.size();
    bytes.remove_prefix(piece.size());
    if (next_.offset % kSyncBytes == 0) CAIRN_RETURN_IF_ERROR(SyncPart(MarkBelow(next_.offset)));
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
  const absl::Status synced = files::Sync(home_.directory());
  absl::StatusOr<OpenedStore> store = synced.ok() ? home_.OpenStore(opened_) : synced;
  // Under this name no later attempt goes on with it, and there is one at every attempt.
  if (!store.ok()) files::RemoveTree(path);
  return store;
}

absl::Status IncomingFiles::MakeCurrent() {
  CAIRN_ASSERT(!opened_.empty(), "made current before it was opened");
  return home_.PointTo(opened_);
}

}  // namespace cairn::kv
