// What a durable write costs: SegmentedLog::Write() of a group of entries on the disk under the working
// directory, and without the disk the encoding of the same group.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "raft/base/assert.h"
#include "raft/base/status.h"
#include "raft/log/posix_disk.h"
#include "raft/log/record_writer.h"
#include "raft/log/segmented_log.h"

namespace cairn::raft {
namespace {

constexpr std::size_t kPayloadBytes = 256;

Entry MakeEntry(std::uint64_t index) {
  return {.id = {Term{1}, Index{index}},
          .kind = EntryKind::kCommand,
          .time = ClusterTime{index},
          .proposal = {.origin = 1, .sequence = index},
          .payload = Payload::FromString(std::string(kPayloadBytes, 'v'))};
}

// A log in a directory of its own beside the binary's working directory: /tmp may not be a disk.
class LogBench : public benchmark::Fixture {
 public:
  void SetUp(const benchmark::State&) override {
    std::string name = "log_append_bench.XXXXXX";
    CAIRN_ASSERT(::mkdtemp(name.data()) != nullptr, "no directory {}", name);
    directory_ = name;
    disk_ = PosixDisk::Open(name).value();
    log_ = SegmentedLog::Open(*disk_, {}).value().log;
    last_ = 0;
  }
  void TearDown(const benchmark::State&) override {
    log_.reset();
    disk_.reset();
    std::filesystem::remove_all(directory_);
  }

 protected:
  void Check(const absl::Status& status) { CAIRN_ASSERT(status.ok(), "{}", MessageOf(status)); }

  std::filesystem::path directory_;
  std::unique_ptr<PosixDisk> disk_;
  std::unique_ptr<SegmentedLog> log_;
  std::uint64_t last_ = 0;
};

BENCHMARK_DEFINE_F(LogBench, Write)(benchmark::State& state) {
  const auto count = static_cast<std::uint64_t>(state.range(0));
  // As in production, spares are prepared in pauses and released segments come back.
  for (int i = 0; i < 64; ++i) Check(log_->PrepareSpares());
  for (auto _ : state) {
    state.PauseTiming();
    LogWrite write{.number = WriteNumber{last_ + 1}, .hard_state = {}, .entries = {}};
    for (std::uint64_t i = 0; i < count; ++i) write.entries.push_back(MakeEntry(++last_));
    state.ResumeTiming();
    Check(log_->Write({&write, 1}));
    state.PauseTiming();
    if (last_ % 65536 < count) Check(log_->ReleaseUpTo(Index{last_}));
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK_REGISTER_F(LogBench, Write)
    ->Arg(1)
    ->Arg(16)
    ->Arg(256)
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

void BM_Encode(benchmark::State& state) {
  std::vector<Entry> entries;
  entries.reserve(static_cast<std::size_t>(state.range(0)));
  for (std::int64_t i = 0; i < state.range(0); ++i)
    entries.push_back(MakeEntry(static_cast<std::uint64_t>(i) + 1));
  RecordWriter batch;
  for (auto _ : state) {
    batch.Begin();
    for (const Entry& entry : entries) batch.Add(entry);
    benchmark::DoNotOptimize(batch.Finish(Generation{1}, BatchNumber{1}, kFrameHeaderBytes).data());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Encode)->Arg(1)->Arg(16)->Arg(256);

}  // namespace
}  // namespace cairn::raft
