#include "tests/integration/faults/load.h"

#include <fmt/format.h>

#include <charconv>

#include "raft/base/status.h"

namespace cairn::faults {
namespace {

using std::chrono::milliseconds;
namespace pb = kv::client::pb;

kv::client::CallOptions CallsOfLoad() {
  kv::client::CallOptions options;
  options.timeout = milliseconds(3000);
  options.dial_timeout = milliseconds(200);
  options.backoff = {.first = milliseconds(5), .last = milliseconds(50)};
  return options;
}

std::int64_t Number(const std::string& text) {
  std::int64_t number = -1;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

Load::Load(Cluster& cluster, History& history, KeyBoard& board, Verdict& verdict, int writers_per_node)
    : cluster_(cluster), history_(history), board_(board), verdict_(verdict), watchers_(cluster.size()) {
  for (std::size_t node = 0; node < cluster.size(); ++node) {
    kv::client::WatchOptions options;
    options.key = kPrefix;
    options.range_end = kv::client::PrefixEnd(kPrefix);
    options.start_revision = history.base() + 1;
    options.first = node;
    watchers_[node].watcher = cluster.client().Watch(std::move(options));
    watchers_[node].seen = history.base();
    watcher_threads_.emplace_back([this, node] { WatchLoop(node); });
    workers_.emplace_back([this, node] { ReadLoop(node); });
    for (int i = 0; i < writers_per_node; ++i) {
      workers_.emplace_back([this, node, i] { WriteLoop(node, static_cast<std::size_t>(i)); });
    }
  }
}

Load::~Load() {
  StopWritersAndReaders();
  stop_watching_ = true;
  for (WatcherState& state : watchers_) state.watcher->Stop();
  for (std::thread& thread : watcher_threads_) thread.join();
}

void Load::StopWritersAndReaders() {
  stop_ = true;
  for (std::thread& thread : workers_) thread.join();
  workers_.clear();
}

void Load::WriteLoop(std::size_t node, std::size_t number) {
  // Its own client with its node as the only endpoint: no failover that would hide what this node does.
  kv::client::Client client({cluster_.endpoints()[node]});
  constexpr int kWritesPerKey = 200;  // New keys come up, so that readers and checks see many.
  int generation = 0;
  int written = 0;
  while (!stop_) {
    const std::string key = fmt::format("{}n{}.{}/{:06}", kPrefix, node + 1, number, generation);
    board_.Attempt(key);
    const Write write{.key = key, .sequence = board_.Get(key).attempted};
    pb::PutRequest request;
    request.set_key(key);
    request.set_value(std::to_string(write.sequence));
    const absl::StatusOr<pb::PutResponse> response = client.kv().Put(request, CallsOfLoad());
    if (response.ok()) {
      history_.Learn(response->header().revision(), write, fmt::format("acknowledgement by n{}", node + 1));
      board_.Acknowledge(key, response->header().revision());
      ++counters_.acknowledged;
      if (++written % kWritesPerKey == 0) ++generation;
      continue;
    }
    if (kv::client::OutcomeOf(response.status()) == kv::client::Outcome::kUnknown) {
      ++counters_.unknown;
      ++generation;  // It may still happen, at any time: this key is not written again.
    } else {
      ++counters_.refused;
      board_.Withdraw(key);
    }
    Pause(milliseconds(5));
  }
}

void Load::ReadLoop(std::size_t node) {
  kv::client::Client client({cluster_.endpoints()[node]});
  Rng rng(node + 1);
  while (!stop_) {
    const std::optional<std::string> key = board_.Pick(rng);
    if (!key.has_value()) {
      Pause(milliseconds(5));
      continue;
    }
    // In this order: what is acknowledged from here on may or may not be seen.
    const KeyBoard::State before = board_.Get(*key);
    const std::int64_t revision_before = board_.revision();
    pb::RangeRequest request;
    request.set_key(*key);
    const absl::StatusOr<pb::RangeResponse> response = client.kv().Get(request, CallsOfLoad());
    if (response.ok()) {
      ++counters_.reads;
      CheckRead(node, *key, before, revision_before, *response);
    } else {
      ++counters_.failed_reads;
      Pause(milliseconds(5));
    }
  }
}

void Load::CheckRead(std::size_t node, const std::string& key, const KeyBoard::State& before,
                     std::int64_t revision_before, const pb::RangeResponse& response) {
  const std::int64_t seen = response.kvs().empty() ? 0 : Number(response.kvs(0).value());
  const KeyBoard::State after = board_.Get(key);
  if (seen < before.acknowledged) {
    verdict_.Violation(
        fmt::format("stale read at n{}: {} holds #{}, but #{} was acknowledged before the read began",
                    node + 1, key, seen, before.acknowledged));
  }
  // A withdrawn attempt may have been counted when the read began.
  if (seen > std::max(before.attempted, after.attempted)) {
    verdict_.Violation(fmt::format("n{}: {} holds #{}, but only #{} was ever attempted", node + 1, key, seen,
                                   after.attempted));
  }
  if (response.header().revision() < revision_before) {
    verdict_.Violation(
        fmt::format("stale read at n{}: the store is at revision {}, but {} was acknowledged before",
                    node + 1, response.header().revision(), revision_before));
  }
}

void Load::WatchLoop(std::size_t node) {
  WatcherState& state = watchers_[node];
  while (!stop_watching_) {
    const absl::StatusOr<pb::WatchResponse> response = state.watcher->Next(milliseconds(500));
    if (response.ok()) {
      OnEvents(node, *response);
    } else if (!absl::IsDeadlineExceeded(response.status())) {
      if (!absl::IsCancelled(response.status())) {
        verdict_.Violation(fmt::format("watcher {} ended: {}", node + 1, MessageOf(response.status())));
      }
      break;
    }
  }
  counters_.resumptions += state.watcher->resumptions();
  if (state.watcher->repeated_events() > 0) {
    verdict_.Violation(
        fmt::format("watcher {}: servers sent {} events again after it had resumed behind them", node + 1,
                    state.watcher->repeated_events()));
  }
}

void Load::OnEvents(std::size_t node, const pb::WatchResponse& response) {
  WatcherState& state = watchers_[node];
  const std::string who = fmt::format("watcher {}", node + 1);
  for (const mvccpb::Event& event : response.events()) {
    const std::int64_t revision = event.kv().mod_revision();
    // Every revision is one put of ours, so they have to come without gaps.
    if (revision != state.seen + 1) {
      verdict_.Violation(fmt::format("{}: revision {} follows {}", who, revision, state.seen.load()));
    }
    if (event.type() != mvccpb::Event::PUT) {
      verdict_.Violation(
          fmt::format("{}: revision {} deletes {}, which nobody did", who, revision, event.kv().key()));
    }
    const Write write{.key = event.kv().key(), .sequence = Number(event.kv().value())};
    // Each write of a key raises its version by one: a write that took effect twice shows here.
    if (event.kv().version() != write.sequence) {
      verdict_.Violation(fmt::format("{}: revision {} is write #{} of {}, but its version {}", who, revision,
                                     write.sequence, write.key, event.kv().version()));
    }
    history_.Learn(revision, write, who);
    state.seen = revision;
    ++counters_.events;
  }
}

void Load::FinishWatchers(std::int64_t revision, milliseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  for (std::size_t node = 0; node < watchers_.size(); ++node) {
    while (watchers_[node].seen < revision && std::chrono::steady_clock::now() < end &&
           Pause(milliseconds(10))) {
    }
    if (watchers_[node].seen < revision && !interrupted) {
      verdict_.Violation(fmt::format("watcher {} has seen revisions up to {} only, of {}", node + 1,
                                     watchers_[node].seen.load(), revision));
    }
  }
  stop_watching_ = true;
  for (WatcherState& state : watchers_) state.watcher->Stop();
  for (std::thread& thread : watcher_threads_) thread.join();
  watcher_threads_.clear();
}

}  // namespace cairn::faults
