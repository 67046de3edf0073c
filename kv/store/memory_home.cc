#include "kv/store/memory_home.h"

#include <algorithm>

#include "raft/base/assert.h"
#include "raft/base/checksum.h"
#include "raft/base/status.h"

namespace cairn::kv {
namespace {

constexpr const char* kFile = "content";

class Image final : public StoreImage {
 public:
  explicit Image(std::string content)
      : content_(std::move(content)),
        origin_(fmt::format("memory-{:016x}", Checksum(content_))),
        files_{{.name = kFile, .size = content_.size()}} {}

  [[nodiscard]] const std::vector<FileInfo>& files() const override { return files_; }
  [[nodiscard]] const std::string& origin() const override { return origin_; }
  absl::Status Read(std::size_t file, std::uint64_t offset, std::size_t length, std::string& out) override {
    if (file != 0 || offset > content_.size()) return absl::OutOfRangeError("no such place in the image");
    out = content_.substr(offset, length);
    return absl::OkStatus();
  }
  absl::StatusOr<std::shared_ptr<OrderedKv>> Open() override { return MemoryKv::Load(content_); }

 private:
  std::string content_;
  std::string origin_;
  std::vector<FileInfo> files_;
};

}  // namespace

class MemoryHome::Incoming final : public IncomingStore {
 public:
  Incoming(MemoryHome& home, std::shared_ptr<Transfer> transfer, std::uint64_t size)
      : home_(home), transfer_(std::move(transfer)), size_(size) {}

  [[nodiscard]] Position next() const override {
    return transfer_->bytes.size() == size_ ? Position{.file = 1, .offset = 0}
                                            : Position{.file = 0, .offset = transfer_->bytes.size()};
  }
  absl::Status Write(Position at, std::string_view bytes) override {
    CAIRN_ASSERT(at == next(), "file={} offset={} expected={}", at.file, at.offset, next().offset);
    if (bytes.size() > size_ - transfer_->bytes.size()) {
      return absl::InvalidArgumentError("more bytes than the manifest promised");
    }
    transfer_->bytes.append(bytes);
    return absl::OkStatus();
  }
  absl::StatusOr<OpenedStore> Open() override {
    if (next().file == 0) return absl::FailedPreconditionError("the transfer is not complete");
    CAIRN_ASSIGN_OR_RETURN(opened_, MemoryKv::Load(transfer_->bytes));
    return OpenedStore{.kv = opened_, .name = "memory", .remove = {}};
  }
  absl::Status MakeCurrent() override {
    CAIRN_ASSERT(opened_ != nullptr, "made current before it was opened");
    CAIRN_RETURN_IF_ERROR(opened_->FlushAll());
    home_.current_ = opened_;
    *transfer_ = {};
    return absl::OkStatus();
  }

 private:
  MemoryHome& home_;
  std::shared_ptr<Transfer> transfer_;
  std::uint64_t size_;
  std::shared_ptr<MemoryKv> opened_;
};

absl::StatusOr<OpenedStore> MemoryHome::OpenCurrent() {
  if (current_ == nullptr) current_ = std::make_shared<MemoryKv>();
  current_->Crash();
  return OpenedStore{.kv = current_, .name = "memory", .remove = {}};
}

absl::StatusOr<std::unique_ptr<StoreImage>> MemoryHome::MakeImage(const OpenedStore& store) {
  CAIRN_RETURN_IF_ERROR(store.kv->FlushAll());
  return std::make_unique<Image>(static_cast<MemoryKv&>(*store.kv).Serialize());
}

absl::StatusOr<std::unique_ptr<IncomingStore>> MemoryHome::Receive(const ImageManifest& manifest) {
  if (manifest.files.size() != 1) return absl::InvalidArgumentError("not the image of a store in memory");
  const std::string encoded = manifest.Encode();
  if (transfer_->manifest != encoded) *transfer_ = {.manifest = encoded, .bytes = {}};
  return std::make_unique<Incoming>(*this, transfer_, manifest.files.front().size);
}

void MemoryHome::ForgetIncoming(absl::FunctionRef<bool(std::string_view position)> obsolete) {
  const absl::StatusOr<ImageManifest> manifest = ImageManifest::Decode(transfer_->manifest);
  if (manifest.ok() && obsolete(manifest->position)) *transfer_ = {};
}

}  // namespace cairn::kv
