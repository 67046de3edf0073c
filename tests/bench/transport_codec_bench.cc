#include <benchmark/benchmark.h>

#include "raft/transport/codec.h"
#include "tests/raft/transport/random_frame.h"

// What a frame costs to make and to read. Arguments: entries in one append, bytes of each.
namespace cairn::raft {
namespace {

Frame FrameOf(std::int64_t entries, std::int64_t bytes) {
  AppendRequest append{
      .previous = {.term = Term{3}, .index = Index{1000}}, .entries = {}, .commit = {}, .time = {}};
  for (std::int64_t i = 0; i < entries; ++i) {
    const auto number = static_cast<std::uint64_t>(i);
    append.entries.push_back(
        {.id = {.term = Term{3}, .index = Index{1001 + number}},
         .kind = EntryKind::kCommand,
         .time = ClusterTime{5},
         .proposal = {.origin = 77, .sequence = number},
         .payload = Payload::FromString(std::string(static_cast<std::size_t>(bytes), 'v'))});
  }
  Frame frame;
  frame.messages.emplace_back(Message{.term = Term{3}, .body = std::move(append)});
  return frame;
}

void BM_EncodeFrame(benchmark::State& state) {
  const Frame frame = FrameOf(state.range(0), state.range(1));
  for (auto _ : state) benchmark::DoNotOptimize(EncodeFrame(frame));
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.SetBytesProcessed(state.iterations() * state.range(0) * state.range(1));
}

// The received bytes in slices as gRPC reads them from a socket.
void BM_DecodeFrame(benchmark::State& state) {
  const grpc::ByteBuffer received =
      testing::Cut(testing::Flatten(EncodeFrame(FrameOf(state.range(0), state.range(1)))), 8192);
  for (auto _ : state) benchmark::DoNotOptimize(DecodeFrame(received));
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.SetBytesProcessed(state.iterations() * state.range(0) * state.range(1));
}

void Sizes(benchmark::internal::Benchmark* bench) {
  bench->Args({1, 256})
      ->Args({64, 256})
      ->Args({1024, 256})
      ->Args({64, 1000})
      ->Args({64, 1024})
      ->Args({64, 8192});
  bench->Args({1, 1 << 20});
}

BENCHMARK(BM_EncodeFrame)->Apply(Sizes);
BENCHMARK(BM_DecodeFrame)->Apply(Sizes);

}  // namespace
}  // namespace cairn::raft
