#include "kv/store/rocks_kv.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <vector>

#include "raft/base/assert.h"
#include "raft/base/status.h"

namespace cairn::kv {
namespace {

constexpr std::array<const char*, kFamilies> kNames = {"revisions", "index",   "lease",
                                                       "auth",      "session", "meta"};

rocksdb::Slice ToSlice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

absl::Status ToStatus(const rocksdb::Status& status, std::string_view doing) {
  if (status.ok()) return absl::OkStatus();
  const std::string text = fmt::format("RocksDB, {}: {}", doing, status.ToString());
  if (status.IsCorruption()) return absl::DataLossError(text);
  if (status.IsNoSpace()) return absl::ResourceExhaustedError(text);
  return absl::InternalError(text);
}

// There are two ways to read and no other ReadOptions in this file. A range walks the whole order within
// bounds; a point is a Get, which may use the filters.
rocksdb::ReadOptions PointRead(const rocksdb::Snapshot* snapshot) {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot;
  return options;
}
rocksdb::ReadOptions RangeRead(const rocksdb::Snapshot* snapshot, const rocksdb::Slice* lower,
                               const rocksdb::Slice* upper, CacheUse cache) {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot;
  options.total_order_seek = true;
  options.iterate_lower_bound = lower;
  options.iterate_upper_bound = upper;
  options.fill_cache = cache == CacheUse::kFill;
  return options;
}

class RocksBatch final : public WriteBatch {
 public:
  explicit RocksBatch(const std::vector<rocksdb::ColumnFamilyHandle*>& families) : families_(families) {}

  void Put(Family family, std::string_view key, std::string_view value) override {
    Check(batch_.Put(Handle(family), ToSlice(key), ToSlice(value)));
  }
  void Delete(Family family, std::string_view key) override {
    Check(batch_.Delete(Handle(family), ToSlice(key)));
  }
  void DeleteRange(Family family, std::string_view from, std::string_view to) override {
    Check(batch_.DeleteRange(Handle(family), ToSlice(from), ToSlice(to)));
  }
  void Clear() override { batch_.Clear(); }
  [[nodiscard]] std::size_t bytes() const override { return batch_.GetDataSize(); }

  rocksdb::WriteBatch& batch() { return batch_; }

 private:
  rocksdb::ColumnFamilyHandle* Handle(Family family) { return families_[static_cast<std::size_t>(family)]; }
  static void Check(const rocksdb::Status& status) {
    CAIRN_ASSERT(status.ok(), "a batch in memory refused a step: {}", status.ToString());
  }

  const std::vector<rocksdb::ColumnFamilyHandle*>& families_;
  rocksdb::WriteBatch batch_;
};

class RocksSnapshot final : public KvSnapshot {
 public:
  explicit RocksSnapshot(rocksdb::DB& db) : db_(db), snapshot_(db.GetSnapshot()) {}
  ~RocksSnapshot() override { db_.ReleaseSnapshot(snapshot_); }
  RocksSnapshot(const RocksSnapshot&) = delete;
  RocksSnapshot& operator=(const RocksSnapshot&) = delete;
  [[nodiscard]] const rocksdb::Snapshot* get() const { return snapshot_; }

 private:
  rocksdb::DB& db_;
  const rocksdb::Snapshot* snapshot_;
};

const rocksdb::Snapshot* Unwrap(const KvSnapshot* snapshot) {
  return snapshot == nullptr ? nullptr : static_cast<const RocksSnapshot*>(snapshot)->get();
}

class RocksValue final : public PinnedValue {
 public:
  rocksdb::PinnableSlice slice;
  [[nodiscard]] std::string_view bytes() const override { return ToView(slice); }
};

class RocksCursor final : public Cursor {
 public:
  RocksCursor(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family, CursorBounds bounds,
              const rocksdb::Snapshot* snapshot)
      : bounds_(std::move(bounds)), lower_(bounds_.lower) {
    if (bounds_.upper) upper_ = *bounds_.upper;
    it_.reset(db.NewIterator(RangeRead(snapshot, &lower_, bounds_.upper ? &upper_ : nullptr, bounds_.cache),
                             family));
  }
  RocksCursor(const RocksCursor&) = delete;
  RocksCursor& operator=(const RocksCursor&) = delete;

  void Seek(std::string_view key) override { it_->Seek(ToSlice(key)); }
  void SeekForPrev(std::string_view key) override { it_->SeekForPrev(ToSlice(key)); }
  void Next() override { it_->Next(); }
  void Prev() override { it_->Prev(); }
  [[nodiscard]] bool Valid() const override { return it_->Valid(); }
  [[nodiscard]] std::string_view key() const override { return ToView(it_->key()); }
  [[nodiscard]] std::string_view value() const override { return ToView(it_->value()); }
  [[nodiscard]] absl::Status status() const override { return ToStatus(it_->status(), "reading a range"); }

 private:
  CursorBounds bounds_;
  rocksdb::Slice lower_;  // Into `bounds_`, and looked at by the iterator as long as it lives.
  rocksdb::Slice upper_;
  std::unique_ptr<rocksdb::Iterator> it_;
};

class RocksKv final : public OrderedKv {
 public:
  RocksKv(std::unique_ptr<rocksdb::DB> db, std::vector<rocksdb::ColumnFamilyHandle*> families)
      : db_(std::move(db)), families_(std::move(families)) {}
  ~RocksKv() override {
    for (rocksdb::ColumnFamilyHandle* family : families_) {
      if (!db_->DestroyColumnFamilyHandle(family).ok()) continue;  // It fails only for a null handle.
    }
    // Closing tells nothing that the flushes did not.
    const rocksdb::Status closed = db_->Close();
    static_cast<void>(closed);
  }
  RocksKv(const RocksKv&) = delete;
  RocksKv& operator=(const RocksKv&) = delete;

  std::unique_ptr<WriteBatch> NewBatch() override { return std::make_unique<RocksBatch>(families_); }

  absl::Status Write(WriteBatch& batch) override {
    rocksdb::WriteOptions options;
    options.disableWAL = true;
    const std::size_t bytes = batch.bytes();
    CAIRN_RETURN_IF_ERROR(
        ToStatus(db_->Write(options, &static_cast<RocksBatch&>(batch).batch()), "writing a batch"));
    written_.fetch_add(bytes, std::memory_order_relaxed);
    return absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<PinnedValue>> Get(Family family, std::string_view key,
                                                   const KvSnapshot* snapshot) override {
    auto value = std::make_unique<RocksValue>();
    const rocksdb::Status status =
        db_->Get(PointRead(Unwrap(snapshot)), Handle(family), ToSlice(key), &value->slice);
    if (status.IsNotFound()) return std::unique_ptr<PinnedValue>();
    CAIRN_RETURN_IF_ERROR(ToStatus(status, "reading a key"));
    return value;
  }

  std::unique_ptr<Cursor> NewCursor(Family family, CursorBounds bounds, const KvSnapshot* snapshot) override {
    return std::make_unique<RocksCursor>(*db_, Handle(family), std::move(bounds), Unwrap(snapshot));
  }

  std::unique_ptr<KvSnapshot> NewSnapshot() override { return std::make_unique<RocksSnapshot>(*db_); }

  absl::Status FlushAll() override {
    const std::uint64_t covered = written_.load(std::memory_order_relaxed);
    rocksdb::FlushOptions options;
    options.wait = true;
    // All families in one call: that, with atomic_flush, is what makes them durable as of one point.
    CAIRN_RETURN_IF_ERROR(ToStatus(db_->Flush(options, families_), "flushing"));
    std::uint64_t flushed = flushed_.load(std::memory_order_relaxed);
    while (flushed < covered && !flushed_.compare_exchange_weak(flushed, covered)) {
    }
    return absl::OkStatus();
  }

  absl::Status Checkpoint(const std::string& directory) override {
    CAIRN_RETURN_IF_ERROR(FlushAll());
    rocksdb::Checkpoint* made = nullptr;
    CAIRN_RETURN_IF_ERROR(ToStatus(rocksdb::Checkpoint::Create(db_.get(), &made), "preparing a checkpoint"));
    const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
    // 0: what was written since the flush above is flushed too. Any other value would trust RocksDB's own log
    // for it, which is off.
    return ToStatus(checkpoint->CreateCheckpoint(directory, /*log_size_for_flush=*/0), "making a checkpoint");
  }

  [[nodiscard]] std::uint64_t unflushed_bytes() const override {
    const std::uint64_t flushed = flushed_.load();  // First: it never passes the other.
    return written_.load() - flushed;
  }

  [[nodiscard]] std::uint64_t bytes_on_disk() const override {
    std::uint64_t sum = 0;
    for (rocksdb::ColumnFamilyHandle* family : families_) {
      std::uint64_t bytes = 0;
      if (db_->GetIntProperty(family, rocksdb::DB::Properties::kTotalSstFilesSize, &bytes)) sum += bytes;
    }
    return sum;
  }

 private:
  rocksdb::ColumnFamilyHandle* Handle(Family family) { return families_[static_cast<std::size_t>(family)]; }

  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> families_;
  std::atomic<std::uint64_t> written_{0};  // Bytes of all batches since opening.
  // Of them known durable; RocksDB may have flushed more by itself. Invariant: flushed_ <= written_.
  std::atomic<std::uint64_t> flushed_{0};
};

rocksdb::ColumnFamilyOptions FamilyOptions(Family family, const StoreOptions& options,
                                           const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.format_version = 5;
  table.cache_index_and_filter_blocks = true;  // Else they would grow with the data, outside every bound.
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  rocksdb::ColumnFamilyOptions result;
  result.write_buffer_size = std::max<std::size_t>(options.memtable_bytes / 8, 256 << 10);
  result.max_write_buffer_number = 3;
  result.level_compaction_dynamic_level_bytes = true;
  result.compression = rocksdb::kLZ4Compression;
  if (family == Family::kRevisions) {
    // Written in order: files never overlap and mostly move down unread.
    result.write_buffer_size = options.memtable_bytes;
    result.target_file_size_base = 32 << 20;
    table.block_size = 16 << 10;
  } else if (family == Family::kIndex) {
    result.write_buffer_size = options.memtable_bytes / 2;
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));  // Most new keys are answered by it.
  }
  result.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return result;
}

rocksdb::DBOptions Options(const StoreOptions& options) {
  rocksdb::DBOptions result;
  result.create_if_missing = true;
  result.create_missing_column_families = true;
  result.atomic_flush = true;
  result.max_background_jobs = options.background_jobs;
  result.max_open_files = 512;
  result.bytes_per_sync = 1 << 20;  // Spreads the writing of a large file instead of ending it with a stall.
  result.info_log_level = rocksdb::WARN_LEVEL;
  result.keep_log_file_num = 2;
  result.max_manifest_file_size = 16 << 20;
  result.stats_dump_period_sec = 0;
  result.stats_persist_period_sec = 0;
  // Closing is not a flush: what is durable is what FlushAll() said, in a crash and in a test.
  result.avoid_flush_during_shutdown = true;
  return result;
}

// Opens all families with `open(options, directory, descriptors, &handles, &db)`.
template <typename OpenDb>
absl::StatusOr<std::unique_ptr<OrderedKv>> Open(const std::string& directory, const StoreOptions& options,
                                                OpenDb&& open) {
  const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(options.block_cache_bytes);
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  // RocksDB insists on a family named "default"; it stays empty.
  descriptors.emplace_back(rocksdb::kDefaultColumnFamilyName, rocksdb::ColumnFamilyOptions());
  for (std::size_t i = 0; i < kFamilies; ++i) {
    descriptors.emplace_back(kNames[i], FamilyOptions(static_cast<Family>(i), options, cache));
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* opened = nullptr;
  const rocksdb::Status status = open(Options(options), directory, descriptors, &handles, &opened);
  CAIRN_RETURN_IF_ERROR(ToStatus(status, fmt::format("opening {}", directory)));
  std::unique_ptr<rocksdb::DB> db(opened);
  CAIRN_RETURN_IF_ERROR(ToStatus(db->DestroyColumnFamilyHandle(handles.front()), "opening"));
  handles.erase(handles.begin());
  return std::make_unique<RocksKv>(std::move(db), std::move(handles));
}

}  // namespace

absl::StatusOr<std::unique_ptr<OrderedKv>> OpenRocksKv(const std::string& directory,
                                                       const StoreOptions& options) {
  return Open(directory, options, [](const auto&... arguments) { return rocksdb::DB::Open(arguments...); });
}

absl::StatusOr<std::unique_ptr<OrderedKv>> OpenRocksKvReadOnly(const std::string& directory,
                                                               const StoreOptions& options) {
  return Open(directory, options,
              [](const auto&... arguments) { return rocksdb::DB::OpenForReadOnly(arguments...); });
}

}  // namespace cairn::kv
