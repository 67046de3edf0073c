// Writers, clients and ticks from their own threads; meant for the thread sanitizer.
#include <absl/synchronization/mutex.h>

#include <thread>
#include <vector>

#include "tests/kv/watch/watch_test_base.h"

namespace cairn::kv {
namespace {

// A transport with a thread: sleeps until woken.
class ThreadedClient {
 public:
  ThreadedClient(Hub& hub, WatchSpec spec, std::int64_t last)
      : last_(last), stream_(hub.OpenStream([this] { Wake(); })) {
    etcdserverpb::WatchRequest request;
    request.mutable_create_request()->set_key(spec.key);
    request.mutable_create_request()->set_range_end(spec.range_end);
    request.mutable_create_request()->set_start_revision(2);
    request.mutable_create_request()->set_prev_kv(true);
    stream_->Handle(request);
    thread_ = std::thread([this] { Drive(); });
  }

  void Join() { thread_.join(); }
  std::vector<std::int64_t> revisions;

 private:
  void Wake() {
    absl::MutexLock lock(&mu_);
    woken_ = true;
  }

  void Drive() {
    while (revisions.empty() || revisions.back() < last_) {
      const auto message = stream_->Take();
      if (!message) {
        absl::MutexLock lock(&mu_);
        mu_.Await(absl::Condition(&woken_));
        woken_ = false;
        continue;
      }
      etcdserverpb::WatchResponse response;
      ASSERT_TRUE(response.ParseFromString(Flatten(*message)));
      for (const auto& event : response.events()) {
        if (revisions.empty() || revisions.back() != event.kv().mod_revision()) {
          revisions.push_back(event.kv().mod_revision());
        }
      }
    }
    stream_.reset();  // While the feed and the ticks go on.
  }

  const std::int64_t last_;
  absl::Mutex mu_;
  bool woken_ ABSL_GUARDED_BY(mu_) = false;
  std::unique_ptr<WatchStream> stream_;
  std::thread thread_;
};

TEST(WatchThreads, EveryClientSeesEveryRevisionWhileAllGoOn) {
  constexpr std::int64_t kRevisions = 3000;
  FakeStore store;
  WatchOptions options;
  options.ring_bytes = 64 << 10;
  options.progress_interval = std::chrono::milliseconds(1);
  const std::unique_ptr<Hub> hub = Hub::Create(store, TestIdentity(), options);
  store.SetFeed(hub.get());

  std::atomic<bool> done{false};
  std::vector<std::unique_ptr<ThreadedClient>> clients;
  for (int i = 0; i < 4; ++i) {
    const WatchSpec spec = i % 2 == 0 ? WatchSpec{.key = "a"} : WatchSpec{.key = "a", .range_end = "c"};
    clients.push_back(std::make_unique<ThreadedClient>(*hub, spec, kRevisions + 1));
  }
  std::thread ticks([&] {
    while (!done) {
      hub->Tick(std::chrono::steady_clock::now());
      EXPECT_LE(hub->counts().streams, 5U);
      TestClient passing(*hub);  // Streams come and go.
      passing.Created({.key = "a"});
    }
  });
  for (std::int64_t i = 0; i < kRevisions; ++i) store.Put("a", std::to_string(i));
  for (const auto& client : clients) client->Join();
  done = true;
  ticks.join();

  for (const auto& client : clients) {
    ASSERT_EQ(client->revisions.size(), static_cast<std::size_t>(kRevisions));
    for (std::int64_t i = 0; i < kRevisions; ++i)
      EXPECT_EQ(client->revisions[static_cast<std::size_t>(i)], i + 2);
  }
}

}  // namespace
}  // namespace cairn::kv
