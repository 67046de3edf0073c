// What a change costs the feed and its watchers: many watchers on one prefix, many single keys, many ranges.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <memory>
#include <vector>

#include "etcd/rpc.pb.h"
#include "tests/kv/watch/fake_store.h"
#include "tests/kv/watch/test_client.h"

namespace cairn::kv {
namespace {

// The revisions that a store would feed, made once: keys[i % keys.size()] at revision i + 2.
std::vector<std::shared_ptr<const RevisionEvents>> MakeRevisions(const std::vector<std::string>& keys,
                                                                 std::size_t count) {
  FakeStore store;
  for (std::size_t i = 0; i < count; ++i) store.Put(keys[i % keys.size()], std::string(256, 'x'));
  return store.Everything();
}

void Watch(WatchStream& stream, const std::string& key, const std::string& range_end) {
  etcdserverpb::WatchRequest request;
  request.mutable_create_request()->set_key(key);
  request.mutable_create_request()->set_range_end(range_end);
  stream.Handle(request);
}

// Feeds revision after revision, and takes everything after each.
class Fanout {
 public:
  explicit Fanout(std::vector<std::shared_ptr<const RevisionEvents>> revisions)
      : revisions_(std::move(revisions)), hub_(Hub::Create(empty_, TestIdentity(), {})) {}

  WatchStream& Open() {
    return *streams_.emplace_back(hub_->OpenStream([] {}));
  }

  // Takes what is there from every stream; returns the number of responses.
  std::size_t TakeAll() {
    std::size_t taken = 0;
    for (const auto& stream : streams_) {
      while (stream->Take()) ++taken;
    }
    return taken;
  }

  // False when the revisions are used up.
  bool FeedNext() {
    if (next_ == revisions_.size()) return false;
    hub_->OnRevisions(std::span(revisions_).subspan(next_++, 1));
    return true;
  }

 private:
  FakeStore empty_;
  std::vector<std::shared_ptr<const RevisionEvents>> revisions_;
  std::size_t next_ = 0;
  std::unique_ptr<Hub> hub_;
  std::vector<std::unique_ptr<WatchStream>> streams_;
};

constexpr std::size_t kRevisions = 20000;

// range(0) watchers on one prefix, range(1) streams; every change is delivered to all.
void WatchersOnOnePrefix(benchmark::State& state) {
  Fanout fanout(MakeRevisions({"p/a"}, kRevisions));
  std::vector<WatchStream*> streams;
  for (std::int64_t i = 0; i < state.range(1); ++i) streams.push_back(&fanout.Open());
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    Watch(*streams[static_cast<std::size_t>(i % state.range(1))], "p/", "p0");
  }
  fanout.TakeAll();
  std::size_t responses = 0;
  for (auto _ : state) {
    if (!fanout.FeedNext()) return state.SkipWithError("more revisions are needed");
    responses += fanout.TakeAll();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(responses));
}
BENCHMARK(WatchersOnOnePrefix)
    ->Args({1, 1})
    ->Args({100, 1})
    ->Args({10000, 1})
    ->Args({10000, 100})
    ->Iterations(200);

// range(0) single keys on ten streams, each change concerns one of them; only the feed is measured.
void FeedAmongSingleKeys(benchmark::State& state) {
  std::vector<std::string> keys;
  for (std::int64_t i = 0; i < state.range(0); ++i) keys.push_back(fmt::format("key{:08}", i));
  Fanout fanout(MakeRevisions(keys, kRevisions));
  std::vector<WatchStream*> streams;
  for (int i = 0; i < 10; ++i) streams.push_back(&fanout.Open());
  for (std::size_t i = 0; i < keys.size(); ++i) Watch(*streams[i % 10], keys[i], "");
  fanout.TakeAll();
  for (auto _ : state) {
    if (!fanout.FeedNext()) return state.SkipWithError("more revisions are needed");
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(FeedAmongSingleKeys)->Arg(100)->Arg(10000)->Arg(100000)->Iterations(10000);

// range(0) disjoint ranges, each change concerns one of them; only the feed is measured.
void FeedAmongRanges(benchmark::State& state) {
  std::vector<std::string> keys;
  for (std::int64_t i = 0; i < state.range(0); ++i) keys.push_back(fmt::format("key{:08}/", i));
  Fanout fanout(MakeRevisions(keys, kRevisions));
  WatchStream& stream = fanout.Open();
  for (const std::string& key : keys) Watch(stream, key, key.substr(0, key.size() - 1) + "0");
  fanout.TakeAll();
  for (auto _ : state) {
    if (!fanout.FeedNext()) return state.SkipWithError("more revisions are needed");
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(FeedAmongRanges)->Arg(100)->Arg(10000)->Arg(100000)->Iterations(10000);

// range(0) watchers that never take: what they cost the feed.
void FeedWithStuckWatchers(benchmark::State& state) {
  Fanout fanout(MakeRevisions({"p/a"}, kRevisions));
  WatchStream& stream = fanout.Open();
  for (std::int64_t i = 0; i < state.range(0); ++i) Watch(stream, "p/", "p0");
  for (auto _ : state) {
    if (!fanout.FeedNext()) return state.SkipWithError("more revisions are needed");
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(FeedWithStuckWatchers)->Arg(1)->Arg(10000)->Iterations(10000);

}  // namespace
}  // namespace cairn::kv
