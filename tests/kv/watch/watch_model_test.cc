// A seeded random run of writers, compactions, snapshots, slow and fast clients, cancels and reconnects, held
// against the plain list of what was committed.
#include <fmt/format.h>

#include <map>
#include <optional>
#include <vector>

#include "etcd/kv.pb.h"
#include "raft/base/rng.h"
#include "tests/kv/watch/watch_test_base.h"

namespace cairn::kv {
namespace {

using EventTuple = std::tuple<std::int64_t, int, std::string, std::string>;  // Revision, type, key, value.

// What one watch asked for and what it has been told, across reconnections.
struct WatchModel {
  WatchSpec spec;
  std::int64_t id = 0;
  std::int64_t next = 0;  // The lowest revision it has not been told of.
  bool open = false;
};

class RandomRun {
 public:
  explicit RandomRun(std::uint64_t seed)
      : rng_(seed), hub_(Hub::Create(store_, TestIdentity(), Options(seed))) {
    store_.SetFeed(hub_.get());
    if (seed % 4 == 0) store_.LimitFed(2);
    for (int i = 0; i < 4; ++i) clients_.emplace_back().stream = std::make_unique<TestClient>(*hub_);
  }

  void Go(int steps) {
    for (step_ = 0; step_ < steps && !::testing::Test::HasFatalFailure(); ++step_) Step();
    store_.ReleaseFeed();
    for (Client& client : clients_) {
      while (TakeOne(client)) {
      }
      for (const WatchModel& watch : client.watches) {
        if (watch.open) ExpectNothingMissed(watch);
      }
    }
  }

  int delivered = 0;
  int cancelled = 0;

 private:
  struct Client {
    std::unique_ptr<TestClient> stream;
    std::vector<WatchModel> watches;
    std::vector<EventTuple> pieces;  // Of the fragmented response that is being taken.
    bool in_fragment = false;
    std::int64_t fragment_of = 0;
  };

  static WatchOptions Options(std::uint64_t seed) {
    WatchOptions options;
    options.ring_bytes = seed % 3 == 0 ? 0 : 1000 * (seed % 20);
    options.previous_bytes = 500 * (seed % 5);
    options.catch_up_revisions = 1 + seed % 30;
    options.catch_up_bytes = 200 + 100 * (seed % 10);
    options.fragment_bytes = 80 + 50 * (seed % 10);
    return options;
  }

  std::string Key() { return fmt::format("k{}", rng_.Below(8)); }

  void Step() {
    switch (rng_.Below(20)) {
      case 0:
        return Compact();
      case 1:
        return Open(Pick());
      case 2:
        return Cancel(Pick());
      case 3:
        return Reconnect(Pick());
      case 4:
        if (rng_.Chance(1, 2)) return store_.HoldFeed();
        return store_.ReleaseFeed();
      case 5:
        if (rng_.Chance(1, 10)) store_.ReplaceState();
        return;
      case 6:
        Pick().stream->RequestProgress();
        return;
      case 7:
      case 8:
      case 9:
      case 10:
        for (std::uint64_t i = rng_.Below(20); i > 0; --i) TakeOne(clients_[rng_.Below(3)]);
        return;  // The last client hardly ever takes.
      case 11:
        if (rng_.Chance(1, 20)) TakeOne(clients_[3]);
        return;
      default:
        return Write();
    }
  }

  Client& Pick() { return clients_[rng_.Below(clients_.size())]; }

  void Write() {
    std::vector<Change> changes;
    for (std::uint64_t i = rng_.Between(1, 4); i > 0; --i) {
      changes.push_back({Key(), rng_.Chance(1, 4) ? std::nullopt : std::optional(fmt::format("v{}", step_))});
    }
    store_.Commit(std::move(changes));
  }

  void Compact() {
    const std::int64_t current = store_.current_revision().value();
    const std::int64_t lowest = std::max<std::int64_t>(1, store_.compacted_revision().value());
    store_.Compact(Revision{static_cast<std::int64_t>(
        rng_.Between(static_cast<std::uint64_t>(lowest), static_cast<std::uint64_t>(current)))});
  }

  void Open(Client& client) {
    WatchSpec spec{.key = Key()};
    if (rng_.Chance(1, 2)) spec.range_end = "k" + std::to_string(rng_.Between(1, 9));
    if (!spec.range_end.empty() && spec.range_end <= spec.key) spec.range_end = std::string("\0", 1);
    spec.prev_kv = rng_.Chance(1, 3);
    spec.fragment = rng_.Chance(1, 3);
    spec.no_put = rng_.Chance(1, 8);
    spec.no_delete = rng_.Chance(1, 8);
    const auto current = static_cast<std::uint64_t>(store_.current_revision().value());
    if (rng_.Chance(2, 3)) spec.start_revision = static_cast<std::int64_t>(rng_.Between(1, current + 3));
    Begin(client, {.spec = spec});
  }

  // The created response is taken after whatever else the stream has to say first.
  void Begin(Client& client, WatchModel watch) {
    client.stream->Create(watch.spec);
    client.watches.push_back(std::move(watch));
    while (!client.watches.back().open) ASSERT_TRUE(TakeOne(client));
  }

  void Cancel(Client& client) {
    for (WatchModel& watch : client.watches) {
      if (!watch.open || !rng_.Chance(1, 4)) continue;
      client.stream->Cancel(watch.id);
      watch.open = false;
      while (true) {
        const auto response = client.stream->Take();
        ASSERT_TRUE(response);
        if (response->watch_id() == watch.id && response->canceled()) {
          Forget(client, watch.id);
          if (response->compact_revision() == 0) break;
          continue;  // It was cancelled by compaction before; this is answered nevertheless.
        }
        if (response->watch_id() == watch.id) {
          FAIL() << "nothing of a cancelled watch comes before the answer";
        }
        Check(client, *response);
      }
    }
  }

  // A client that lost its connection goes on from the revision after the last it was told of, anywhere.
  void Reconnect(Client& client) {
    if (!rng_.Chance(1, 3)) return;
    std::vector<WatchModel> before = std::exchange(client.watches, {});
    client.stream = std::make_unique<TestClient>(*hub_);
    client.pieces.clear();
    client.in_fragment = false;
    for (WatchModel& watch : before) {
      if (!watch.open) continue;
      watch.open = false;
      watch.spec.start_revision = watch.next;
      Begin(client, std::move(watch));
    }
  }

  bool TakeOne(Client& client) {
    const auto response = client.stream->Take();
    if (!response) return false;
    Check(client, *response);
    return true;
  }

  void Check(Client& client, const etcdserverpb::WatchResponse& response) {
    const std::int64_t revision = response.header().revision();
    if (client.in_fragment) {
      ASSERT_EQ(response.watch_id(), client.fragment_of) << "something came between two pieces";
    }
    if (response.created()) {
      WatchModel& watch = client.watches.back();
      ASSERT_FALSE(watch.open);
      watch.open = true;
      watch.id = response.watch_id();
      watch.next = watch.spec.start_revision == 0 ? revision + 1 : watch.spec.start_revision;
      return;
    }
    if (response.watch_id() == -1) {
      for (const WatchModel& watch : client.watches) {
        if (!watch.open) continue;
        ASSERT_TRUE(Expected(watch, watch.next, revision).empty()) << "progress overtook events";
      }
      return;
    }
    WatchModel* watch = nullptr;
    for (WatchModel& candidate : client.watches) {
      if (candidate.open && candidate.id == response.watch_id()) {
        watch = &candidate;
      }
    }
    ASSERT_NE(watch, nullptr) << "a response for watch " << response.watch_id() << ", which is closed";
    if (response.canceled()) {
      ++cancelled;
      Forget(client, watch->id);
      watch->open = false;
      ASSERT_LT(watch->next, response.compact_revision()) << "cancelled although nothing was lost";
      return;
    }
    Collect(client, *watch, response);
  }

  // As Go's client: a cancellation ends a fragmented response of the same watch.
  static void Forget(Client& client, std::int64_t id) {
    if (client.in_fragment && client.fragment_of == id) {
      client.pieces.clear();
      client.in_fragment = false;
    }
  }

  // Pieces are put together again; then the response must be exactly what was committed from the cursor to
  // its last revision.
  void Collect(Client& client, WatchModel& watch, const etcdserverpb::WatchResponse& response) {
    for (const mvccpb::Event& event : response.events()) {
      ++delivered;
      client.pieces.emplace_back(event.kv().mod_revision(), event.type(), event.kv().key(),
                                 event.kv().value());
      if (!event.has_prev_kv()) continue;
      ASSERT_TRUE(watch.spec.prev_kv);
      ASSERT_LE(event.prev_kv().mod_revision(), event.kv().mod_revision());
    }
    client.in_fragment = response.fragment();
    client.fragment_of = watch.id;
    if (client.in_fragment) return;
    const std::vector<EventTuple> got = std::exchange(client.pieces, {});
    ASSERT_FALSE(got.empty());
    const std::int64_t last = std::get<0>(got.back());
    ASSERT_EQ(got, Expected(watch, watch.next, last)) << "step " << step_;
    ASSERT_GE(response.header().revision(), last);
    ASSERT_TRUE(Expected(watch, last + 1, response.header().revision()).empty())
        << "a client that resumes after the header's revision would miss something";
    watch.next = std::max(last, response.header().revision()) + 1;
  }

  void ExpectNothingMissed(const WatchModel& watch) {
    EXPECT_TRUE(Expected(watch, watch.next, store_.current_revision().value()).empty());
  }

  std::vector<EventTuple> Expected(const WatchModel& watch, std::int64_t from, std::int64_t to) {
    const KeyRange range = KeyRange::FromRequest(watch.spec.key, watch.spec.range_end);
    std::vector<EventTuple> expected;
    const auto all = store_.Everything();
    for (std::int64_t at = std::max<std::int64_t>(from, 2); at <= to; ++at) {
      if (at - 2 >= static_cast<std::int64_t>(all.size())) break;
      for (const Event& event : all[static_cast<std::size_t>(at - 2)]->events) {
        if (!range.Contains(event.key) || (event.deletion ? watch.spec.no_delete : watch.spec.no_put))
          continue;
        mvccpb::KeyValue record;
        EXPECT_TRUE(
            record.ParseFromArray(event.record.bytes().data(), static_cast<int>(event.record.size())));
        expected.emplace_back(at, event.deletion ? 1 : 0, std::string(event.key), record.value());
      }
    }
    return expected;
  }

  Rng rng_;
  FakeStore store_;
  std::unique_ptr<Hub> hub_;
  std::vector<Client> clients_;
  int step_ = 0;
};

TEST(WatchModel, EveryWatchIsToldEveryRevisionOnceInOrderAndWhole) {
  int delivered = 0;
  int cancelled = 0;
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    RandomRun run(seed);
    run.Go(400);
    delivered += run.delivered;
    cancelled += run.cancelled;
    ASSERT_FALSE(::testing::Test::HasFailure());
  }
  // Else the run above has shown nothing.
  EXPECT_GT(delivered, 100000);
  EXPECT_GT(cancelled, 1000);
}

}  // namespace
}  // namespace cairn::kv
