#include "kv/watch/stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kv/watch/hub_state.h"
#include "raft/base/assert.h"
#include "raft/base/probe.h"
#include "raft/base/status.h"

namespace cairn::kv {
namespace {

constexpr std::int64_t kNoWatch = -1;  // The id in answers that are about no watch, or about none that lives.

// Texts that clients match on, byte for byte.
constexpr std::string_view kDuplicateId = "mvcc: duplicate watch ID provided on the WatchStream";
constexpr std::string_view kEmptyRange = "mvcc: watcher range is empty";
constexpr std::string_view kTooLarge = "etcdserver: request is too large";
constexpr std::string_view kCompacted = "etcdserver: mvcc: required revision has been compacted";

// A live watcher gets one response per revision until so many wait; then they are merged, which costs the
// slow connection a fraction.
constexpr std::size_t kMergeFrom = 16;
// Revisions of the ring that are copied out under the lock for one search.
constexpr std::size_t kSearchSlots = 512;
// Searches of the ring in one Take() that finds nothing. A read of the history is so much dearer that there
// is one at most: requests of other clients wait on the same thread.
constexpr int kTakeBudget = 512;

// A watcher, its places in maps, and a range group and node of the range tree if it is the first of its
// range.
constexpr std::size_t kWatchOverhead = 512;

KeyRange RangeOf(const etcdserverpb::WatchCreateRequest& request) {
  // The empty key is not a key; as a place to begin it means the smallest one.
  const std::string_view key = request.key().empty() ? std::string_view("\0", 1) : request.key();
  return KeyRange::FromRequest(key, request.range_end());
}

void ApplyFilters(const etcdserverpb::WatchCreateRequest& request, Watcher& watcher) {
  for (const int filter : request.filters()) {
    if (filter == etcdserverpb::WatchCreateRequest::NOPUT) watcher.puts = false;
    if (filter == etcdserverpb::WatchCreateRequest::NODELETE) watcher.deletions = false;
  }
}

}  // namespace

struct Stream::Turn {
  enum class Kind : std::uint8_t { kNothing, kProgress, kNotify, kSearch };
  Kind kind = Kind::kNothing;
  std::int64_t watch_id = kNoWatch;  // kNotify.
  Revision revision;                 // kProgress, kNotify.
  Search search;                     // kSearch.
};

Stream::Stream(HubState& hub, absl::AnyInvocable<void()> wake)
    : hub_(hub), gate_(std::make_shared<WakeGate>(std::move(wake))) {
  absl::MutexLock lock(&hub_.mu);
  hub_.streams.insert(this);
}

Stream::~Stream() {
  gate_->Close();
  absl::MutexLock lock(&hub_.mu);
  hub_.streams.erase(this);
  std::erase(hub_.awaiting_revision, this);
  for (const auto& [id, watcher] : watchers_.all()) Detach(*watcher);
}

// --- Requests ---

void Stream::Handle(const etcdserverpb::WatchRequest& request) {
  switch (request.request_union_case()) {
    case etcdserverpb::WatchRequest::kCreateRequest:
      Create(request.create_request());
      break;
    case etcdserverpb::WatchRequest::kCancelRequest:
      Cancel(request.cancel_request().watch_id());
      break;
    case etcdserverpb::WatchRequest::kProgressRequest:
      RequestProgress();
      break;
    case etcdserverpb::WatchRequest::REQUEST_UNION_NOT_SET:
      return;  // Empty, or of a kind newer than we are.
  }
  bool wake = false;
  {
    absl::MutexLock lock(&hub_.mu);
    wake = parked_ && (!answers_.empty() || HasSomething());
    if (wake) parked_ = false;
  }
  if (wake) gate_->Call();
}

void Stream::Create(const etcdserverpb::WatchCreateRequest& request) {
  // The feed runs behind the reader. Counting from what a client could have read, the new watch does not
  // deliver what was acknowledged before it was asked for.
  const Revision readable = hub_.reader.current_revision();
  const Revision start{request.start_revision()};
  const KeyRange range = RangeOf(request);
  ByteCharge charge(hub_.watch_budget);
  std::string refusal;
  if (start.value() < 0) {
    refusal = kCompacted;
  } else if (range.IsEmpty()) {
    refusal = kEmptyRange;
  } else if (request.watch_id() != 0 && watchers_.Find(request.watch_id()) != nullptr) {
    refusal = kDuplicateId;
  } else if (request.key().size() + request.range_end().size() > hub_.options.max_key_bytes) {
    refusal = kTooLarge;
  } else if (watchers_.size() >= hub_.options.watches_per_stream) {
    refusal = fmt::format("etcdserver: the stream has {} watches already; cancel some or open another stream",
                          watchers_.size());
  } else if (!charge.MaybeRaiseTo(kWatchOverhead + range.begin.size() + range.end.size())) {
    refusal = fmt::format(
        "etcdserver: the watches of this member take the {} bytes that are set aside for them; cancel some "
        "or "
        "ask another member",
        hub_.options.watch_bytes);
  }
  if (!refusal.empty()) {
    Answer(readable, {.watch_id = kNoWatch, .created = true, .canceled = true, .cancel_reason = refusal});
    return;
  }

  const std::int64_t id = request.watch_id() != 0 ? request.watch_id() : watchers_.ChooseId();
  auto watcher = std::make_unique<Watcher>(*this, id, std::move(charge));
  ApplyFilters(request, *watcher);
  watcher->previous_records = request.prev_kv();
  watcher->fragment = request.fragment();
  watcher->progress_notify = request.progress_notify();
  Register(std::move(watcher), range, readable, start);
}

void Stream::Register(std::unique_ptr<Watcher> owned, const KeyRange& range, Revision readable,
                      Revision start) {
  Watcher& watcher = *owned;
  const Revision compacted = hub_.reader.compacted_revision();
  const bool too_old = start.value() != 0 && start < compacted;
  Revision now;
  {
    absl::MutexLock lock(&hub_.mu);
    now = std::max(readable, hub_.ring.last());
    watchers_.Insert(std::move(owned));
    if (!too_old) {
      if (start > now) watcher.future_start = start;
      watcher.group = &hub_.index.FindOrCreate(range, hub_.ring.last());
      ++watcher.group->members;
      Place(watcher, {.main = start.value() == 0 ? Next(now) : start});
    }
  }
  Answer(now, {.watch_id = watcher.id, .created = true});
  if (too_old) {
    Answer(Revision{0}, {.watch_id = watcher.id, .canceled = true, .compact_revision = compacted});
    absl::MutexLock lock(&hub_.mu);
    watchers_.Retire(watcher);
  }
}

void Stream::Cancel(std::int64_t watch_id) {
  Watcher* const watcher = watchers_.Find(watch_id);
  if (watcher == nullptr) return;  // As etcd: silence.
  Revision now = hub_.reader.current_revision();
  {
    absl::MutexLock lock(&hub_.mu);
    now = std::max(now, hub_.ring.last());  // The feed runs behind the reader, but not if this waited here.
    // The rest of a response in pieces is not sent any more: who cancels does not wait for it.
    if (draft_ && &draft_->watcher() == watcher) draft_.reset();
    Detach(*watcher);
    watchers_.Erase(*watcher);
  }
  Answer(now, {.watch_id = watch_id, .canceled = true});
}

void Stream::RequestProgress() {
  const Revision readable = hub_.reader.current_revision();
  absl::MutexLock lock(&hub_.mu);
  if (progress_.is_pending()) {
    progress_.Postpone(readable);
  } else {
    StartProgress(readable);
  }
}

void Stream::Answer(Revision revision, const WatchNotice& notice) {
  answers_.push_back(EncodeNotice(hub_.Header(revision), notice));
}

// --- Responses ---

std::optional<EncodedMessage> Stream::Take() {
  const bool between_pieces = draft_ && draft_->header();
  if (!answers_.empty() && !between_pieces) {
    EncodedMessage answer = std::move(answers_.front());
    answers_.pop_front();
    return answer;
  }
  for (int budget = kTakeBudget; budget > 0;) {
    Turn turn = NextTurn();
    switch (turn.kind) {
      case Turn::Kind::kNothing:
        return std::nullopt;
      case Turn::Kind::kProgress:
      case Turn::Kind::kNotify:
        return EncodeNotice(hub_.Header(turn.revision), {.watch_id = turn.watch_id});
      case Turn::Kind::kSearch:
        if (std::optional<EncodedMessage> message = Deliver(turn.search)) return message;
        // What is not finished has used its turn as well.
        budget -= turn.search.parts.empty() || draft_ ? kTakeBudget : 1;
        break;
    }
  }
  CAIRN_PROBE("watch_take_budget_spent");
  gate_->Call();  // Not parked: there is more to search, and the transport should serve others in between.
  return std::nullopt;
}

Stream::Turn Stream::NextTurn() {
  absl::MutexLock lock(&hub_.mu);
  Turn turn;
  if (!draft_ && progress_.is_ready(hub_.ring.last())) {
    turn.kind = Turn::Kind::kProgress;
    turn.revision = progress_.Finish();
    if (const auto postponed = progress_.TakePostponed()) StartProgress(*postponed);
    return turn;
  }
  if (!draft_) {
    Watcher* const watcher = ready_.front();
    if (watcher == nullptr) {
      parked_ = true;
      return turn;
    }
    ready_.Remove(*watcher);
    if (std::exchange(watcher->notify, false) && watcher->waiting_hook.linked) {
      turn.kind = Turn::Kind::kNotify;
      turn.watch_id = watcher->id;
      turn.revision = hub_.ring.last();
      return turn;
    }
    draft_.emplace(*watcher, hub_.IsBehind(*watcher), ByteCharge(hub_.response_budget));
  }
  turn.kind = Turn::Kind::kSearch;
  turn.search.from = draft_->next();
  FillParts(turn.search);
  return turn;
}

// A watcher that keeps up is told by the hits of its range where to look; one that does not looks through the
// ring; and what has left the ring is read from the history (no parts).
void Stream::FillParts(Search& search) const {
  const RangeGroup& group = *draft_->watcher().group;
  const Revision from = search.from.main;
  if (!hub_.ring.Contains(from)) return;
  if (hub_.IsBehind(group, from)) {
    const Revision end =
        std::min(hub_.ring.last(), Revision{from.value() + static_cast<std::int64_t>(kSearchSlots) - 1});
    for (Revision revision = from; revision <= end; revision = Next(revision)) {
      search.parts.push_back({.slot = hub_.ring.At(revision)});
    }
    search.end = {.main = Next(end)};
  } else {
    const auto first = FirstHit(group.hits, from);
    CAIRN_ASSERT(first != group.hits.end() && first->revision == from,
                 "a ready watcher has a hit at its cursor: {}", from);
    const auto waiting = static_cast<std::size_t>(group.hits.end() - first);
    const std::size_t count = waiting < kMergeFrom ? 1 : std::min(waiting, hub_.options.catch_up_revisions);
    for (auto hit = first; hit != first + static_cast<std::ptrdiff_t>(count); ++hit) {
      search.parts.push_back({.slot = hub_.ring.At(hit->revision), .first = hit->first, .last = hit->last});
    }
    search.end = {.main = Next(search.parts.back().slot->revision())};
  }
  Search::Part& part = search.parts.front();
  part.first = std::max(part.first, part.slot->IndexOf(search.from.sub));
}

std::optional<EncodedMessage> Stream::Deliver(const Search& search) {
  const absl::StatusOr<Step> step = Extend(*draft_, search, hub_.reader,
                                           {.revisions = hub_.options.catch_up_revisions,
                                            .bytes = hub_.options.catch_up_bytes,
                                            .piece_bytes = hub_.options.fragment_bytes,
                                            .response_bytes = hub_.options.response_bytes});
  if (!step.ok()) return CancelFailed(step.status());
  switch (*step) {
    case Step::kUnfinished:
      return std::nullopt;
    case Step::kPiece: {
      const WatchHeader header = draft_->header() ? *draft_->header() : hub_.Header(*draft_->newest());
      return EncodeEvents(header, draft_->watcher().id, Piece::kMoreFollow, draft_->TakePiece(header).events);
    }
    case Step::kComplete:
      return FinishResponse();
  }
  return std::nullopt;
}

std::optional<EncodedMessage> Stream::FinishResponse() {
  Draft draft = *std::exchange(draft_, std::nullopt);
  Watcher& watcher = draft.watcher();
  const RevisionId next = draft.next();
  Revision revision = draft.newest().value_or(Revision{0});
  {
    absl::MutexLock lock(&hub_.mu);
    progress_.Settle(watcher.next);  // Place() owes it again.
    Place(watcher, next);
    if (!draft.newest()) return std::nullopt;
    watcher.sent_since_tick = true;
    // etcd reports the store's revision while more chunks are to come, and a client that resumes from there
    // misses them. A chunk promises what was looked at, which may be ahead of the feed; only the one that
    // catches up may promise what the feed has brought since.
    if (draft.behind()) revision = std::max(revision, Previous(next.main));
    if (draft.behind() && watcher.waiting_hook.linked) revision = std::max(revision, hub_.ring.last());
  }
  const WatchHeader header = draft.header() ? *draft.header() : hub_.Header(revision);
  EncodedMessage message = EncodeEvents(header, watcher.id, Piece::kLast, draft.chosen().events);
  Attach(std::move(draft.charge()), message);
  return message;
}

// The history from the cursor on is gone, or cannot be read: the watch cannot be complete any more, so it
// ends, and says from where on a new one could be.
EncodedMessage Stream::CancelFailed(const absl::Status& status) {
  Watcher& watcher = draft_->watcher();
  draft_.reset();
  const std::int64_t id = watcher.id;
  Revision now = hub_.reader.current_revision();
  {
    absl::MutexLock lock(&hub_.mu);
    now = std::max(now, hub_.ring.last());
    Detach(watcher);
    watchers_.Retire(watcher);
  }
  if (absl::IsOutOfRange(status)) {
    CAIRN_PROBE("watch_cursor_compacted");
    return EncodeNotice(
        hub_.Header(Revision{0}),
        {.watch_id = id, .canceled = true, .compact_revision = hub_.reader.compacted_revision()});
  }
  return EncodeNotice(hub_.Header(now),
                      {.watch_id = id, .canceled = true, .cancel_reason = MessageOf(status)});
}

// --- Under the hub's lock ---

// Where a watcher goes that is in no list. Everything below `next` is settled.
void Stream::Place(Watcher& watcher, RevisionId next) {
  const RevisionId before{.main = watcher.next, .sub = watcher.passed};
  CAIRN_ASSERT(next >= before, "a cursor never falls: from={}.{} to={}.{}", before.main, before.sub,
               next.main, next.sub);
  RangeGroup& group = *watcher.group;
  watcher.next = next.main;
  watcher.passed = next.sub;
  Revision at = next.main;
  if (at > group.floor) {
    const auto hit = FirstHit(group.hits, at);
    if (hit == group.hits.end()) {
      group.waiting.PushBack(watcher);
      return;
    }
    // There is nothing of the range in between; and a cursor on a hit is what compaction is compared with.
    at = hit->revision;
  }
  Enqueue(watcher, at);
}

void Stream::MakeReady(Watcher& watcher, Revision revision) {
  hub_.mu.AssertHeld();
  watcher.group->waiting.Remove(watcher);
  Enqueue(watcher, revision);
}

void Stream::Enqueue(Watcher& watcher, Revision next) {
  if (watcher.next != next) watcher.passed = 0;
  watcher.next = next;
  if (!watcher.ready_hook.linked) ready_.PushBack(watcher);  // Else it is in for a progress notification.
  progress_.Owe(next);
}

// Takes a watcher out of its group and all lists.
void Stream::Detach(Watcher& watcher) {
  if (watcher.group == nullptr) return;
  RangeGroup& group = *std::exchange(watcher.group, nullptr);
  if (!watcher.waiting_hook.linked) progress_.Settle(watcher.next);
  if (watcher.ready_hook.linked) ready_.Remove(watcher);
  if (watcher.waiting_hook.linked) group.waiting.Remove(watcher);
  if (--group.members == 0) hub_.index.Erase(group);
}

// As etcd: a request is answered if no watch is catching up, else never. What is ready to be sent is not
// catching up: the answer waits for it.
void Stream::StartProgress(Revision readable) {
  const Revision target = std::max(readable, hub_.ring.last());
  std::size_t watching = 0;
  std::size_t owed = 0;
  for (const auto& [id, watcher] : watchers_.all()) {
    if (watcher->group == nullptr) continue;
    ++watching;
    if (watcher->future_start && *watcher->future_start > target) return;
    if (watcher->waiting_hook.linked) continue;
    if (hub_.IsBehind(*watcher)) return;
    if (watcher->next <= target) ++owed;
  }
  if (watching == 0) return;
  progress_.Start(target, owed);
  if (progress_.awaits_more_than(hub_.ring.last())) hub_.awaiting_revision.push_back(this);
}

std::shared_ptr<WakeGate> Stream::TakeWake() {
  hub_.mu.AssertHeld();
  if (!parked_ || !HasSomething()) return nullptr;
  parked_ = false;
  return gate_;
}

bool Stream::HasSomething() const { return !ready_.empty() || progress_.is_ready(hub_.ring.last()); }

void Stream::Tick(std::chrono::steady_clock::time_point now) {
  hub_.mu.AssertHeld();
  if (tick_due_ && now < *tick_due_) return;
  const bool first = !tick_due_;
  tick_due_ = now + hub_.NextProgressInterval();
  if (first || watchers_.notified() == 0) return;
  for (const auto& [id, watcher] : watchers_.all()) {
    const bool sent = std::exchange(watcher->sent_since_tick, false);
    if (!watcher->progress_notify || sent || !watcher->waiting_hook.linked) continue;
    if (watcher->next > Next(hub_.ring.last())) continue;  // It starts in the future.
    watcher->notify = true;
    if (!watcher->ready_hook.linked) ready_.PushBack(*watcher);
  }
}

bool Stream::AwaitsRevision() const {
  hub_.mu.AssertHeld();
  return progress_.awaits_more_than(hub_.ring.last());
}

std::size_t Stream::watchers() const {
  hub_.mu.AssertHeld();
  return watchers_.size();
}

std::size_t Stream::CountBehind() const {
  hub_.mu.AssertHeld();
  std::size_t count = 0;
  for (const Watcher* watcher = ready_.front(); watcher != nullptr; watcher = ready_.Next(*watcher)) {
    if (!watcher->waiting_hook.linked && hub_.IsBehind(*watcher)) ++count;
  }
  return count;
}

}  // namespace cairn::kv
