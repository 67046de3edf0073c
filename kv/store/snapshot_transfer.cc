#include "kv/store/snapshot_transfer.h"

#include <fmt/format.h>

#include <charconv>
#include <functional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "raft/base/assert.h"
#include "raft/base/status.h"

namespace cairn::kv {
namespace {

constexpr std::string_view kPositionIndex = "index ";

class Source final : public raft::SnapshotSource {
 public:
  Source(std::unique_ptr<StoreImage> image, raft::SnapshotMeta meta)
      : image_(std::move(image)), meta_(std::move(meta)) {
    const ImageManifest manifest{
        .origin = image_->origin(),
        .position = fmt::format("{}{} term {}", kPositionIndex, meta_.last.index, meta_.last.term),
        .files = image_->files()};
    manifest_ = manifest.Encode();
  }
  [[nodiscard]] const raft::SnapshotMeta& meta() const override { return meta_; }
  [[nodiscard]] const std::vector<FileInfo>& files() const override { return image_->files(); }
  [[nodiscard]] const std::string& manifest() const override { return manifest_; }
  absl::Status Read(std::size_t file, std::uint64_t offset, std::size_t length, std::string& out) override {
    return image_->Read(file, offset, length, out);
  }

 private:
  std::unique_ptr<StoreImage> image_;
  raft::SnapshotMeta meta_;
  std::string manifest_;
};

class Sink final : public raft::SnapshotSink {
 public:
  Sink(const StoreOptions& options, raft::SnapshotMeta meta, std::unique_ptr<IncomingStore> incoming,
       std::shared_ptr<const void> held)
      : held_(std::move(held)), options_(options), meta_(std::move(meta)), incoming_(std::move(incoming)) {}
  ~Sink() override {
    // Opened and then not wanted: opening has changed the files, they are no start for another transfer.
    if (generation_ != nullptr) generation_->Retire();
  }
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  [[nodiscard]] const raft::SnapshotMeta& meta() const override { return meta_; }
  [[nodiscard]] Position next() const override { return incoming_->next(); }
  absl::Status Write(Position at, std::string_view bytes) override { return incoming_->Write(at, bytes); }

  absl::Status Finish() override {
    CAIRN_ASSIGN_OR_RETURN(OpenedStore opened, incoming_->Open());
    // What cannot be used goes, once it is closed: there would be one more at every attempt.
    const std::function<void()> remove = opened.remove;
    absl::StatusOr<std::shared_ptr<Generation>> generation =
        Generation::Open(std::move(opened), options_, nullptr);
    if (!generation.ok()) {
      if (remove) remove();
      return generation.status();
    }
    generation_ = *std::move(generation);
    const raft::SnapshotMeta found = SnapshotMetaOf(generation_->state(), *generation_->members());
    if (found == meta_) return absl::OkStatus();
    std::exchange(generation_, nullptr)->Retire();
    return absl::DataLossError(
        fmt::format("the snapshot stands at index {} term {}, but {} term {} was announced", found.last.index,
                    found.last.term, meta_.last.index, meta_.last.term));
  }

  absl::StatusOr<std::shared_ptr<Generation>> MakeCurrent() {
    CAIRN_ASSERT(generation_ != nullptr, "a sink was installed before Finish()");
    // Not ours to remove from here on: even after an error the home may name it, and after a crash would find
    // neither it nor the one before.
    std::shared_ptr<Generation> generation = std::exchange(generation_, nullptr);
    CAIRN_RETURN_IF_ERROR(incoming_->MakeCurrent());
    return generation;
  }

 private:
  const std::shared_ptr<const void> held_;
  const StoreOptions options_;
  raft::SnapshotMeta meta_;
  std::unique_ptr<IncomingStore> incoming_;
  std::shared_ptr<Generation> generation_;
};

}  // namespace

raft::SnapshotMeta SnapshotMetaOf(const schema::State& state, const Members& members) {
  return {.last = state.applied, .config = members.config, .time = state.time};
}

absl::StatusOr<std::unique_ptr<raft::SnapshotSource>> MakeSnapshotSource(
    StoreHome& home, const std::shared_ptr<Generation>& generation) {
  CAIRN_ASSIGN_OR_RETURN(std::unique_ptr<StoreImage> image, home.MakeImage(generation->store()));
  raft::SnapshotMeta meta;
  {
    CAIRN_ASSIGN_OR_RETURN(const std::shared_ptr<OrderedKv> kv, image->Open());
    CAIRN_ASSIGN_OR_RETURN(const auto state_row, kv->Get(Family::kMeta, schema::kStateRow));
    CAIRN_ASSIGN_OR_RETURN(const auto members_row, kv->Get(Family::kMeta, schema::kMembersRow));
    if (state_row == nullptr || members_row == nullptr) return absl::DataLossError("the image has no state");
    CAIRN_ASSIGN_OR_RETURN(const schema::State state, schema::DecodeState(state_row->bytes()));
    CAIRN_ASSIGN_OR_RETURN(const Members members, schema::DecodeMembers(members_row->bytes()));
    meta = SnapshotMetaOf(state, members);
  }
  return std::make_unique<Source>(std::move(image), std::move(meta));
}

absl::StatusOr<std::unique_ptr<raft::SnapshotSink>> MakeSnapshotSink(StoreHome& home,
                                                                     const StoreOptions& options,
                                                                     const raft::SnapshotMeta& meta,
                                                                     std::string_view manifest,
                                                                     std::shared_ptr<const void> held) {
  CAIRN_ASSIGN_OR_RETURN(const ImageManifest decoded, ImageManifest::Decode(manifest));
  CAIRN_ASSIGN_OR_RETURN(std::unique_ptr<IncomingStore> incoming, home.Receive(decoded));
  return std::make_unique<Sink>(options, meta, std::move(incoming), std::move(held));
}

bool IsBehind(std::string_view position, raft::Index applied) {
  if (!position.starts_with(kPositionIndex)) return false;
  position.remove_prefix(kPositionIndex.size());
  std::uint64_t index = 0;
  const auto read = std::from_chars(position.data(), position.data() + position.size(), index);
  return read.ec == std::errc() && index <= applied.value();
}

absl::StatusOr<std::shared_ptr<Generation>> MakeCurrent(std::unique_ptr<raft::SnapshotSink> sink) {
  return static_cast<Sink&>(*sink).MakeCurrent();
}

}  // namespace cairn::kv
