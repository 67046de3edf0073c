#pragma once

#include <cstddef>
#include <optional>

#include "kv/model/revision.h"
#include "kv/watch/byte_budget.h"
#include "kv/watch/response.h"
#include "kv/watch/watcher.h"

namespace cairn::kv {

// A response in the making: what was chosen for it, and where the search for more goes on. Large ones take
// several turns. For a watcher that takes fragments it is sent piece by piece, and between two pieces nothing
// is kept of it but a place: a client that stops reading holds no event.
//
// Only a response's newest revision may be there in part. It is not sent so, except as a piece that is
// marked.
class Draft {
 public:
  // Begins at the watcher's cursor. What it holds beyond a piece is charged.
  Draft(Watcher& watcher, bool behind, ByteCharge charge)
      : watcher_(&watcher),
        behind_(behind),
        charge_(std::move(charge)),
        next_{.main = watcher.next, .sub = watcher.passed} {}

  // Adds a change that takes `bytes` in the message. REQUIRES: not below next().
  void Add(const SlotRef& slot, ChosenEvent event, std::size_t bytes);
  // Everything below `next` was looked at. REQUIRES: it does not fall.
  void GoOnAt(RevisionId next);
  // Drops the newest revision, which is left for another response. REQUIRES: has_earlier_revisions().
  void DropNewestRevision();
  // Takes what was chosen so far out, as a piece that is sent. `header` is that of all pieces.
  ChosenEvents TakePiece(const WatchHeader& header);

  [[nodiscard]] Watcher& watcher() const { return *watcher_; }
  // Its watcher does not keep up: the response may span many revisions.
  [[nodiscard]] bool behind() const { return behind_; }
  [[nodiscard]] RevisionId next() const { return next_; }
  // Of the newest change chosen, sent pieces included; nothing if there is none.
  [[nodiscard]] std::optional<Revision> newest() const { return newest_; }
  [[nodiscard]] bool has_earlier_revisions() const { return earlier_.events > 0; }
  [[nodiscard]] std::size_t revisions() const { return revisions_; }
  [[nodiscard]] const ChosenEvents& chosen() const { return chosen_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }  // In the message.
  // About what `chosen` costs while it is held: small events cost more than they take in a message.
  [[nodiscard]] std::size_t held_bytes() const;
  [[nodiscard]] ByteCharge& charge() { return charge_; }
  // Set once a piece was sent: then the response ends with the revision newest(), and nothing may come
  // between.
  [[nodiscard]] const std::optional<WatchHeader>& header() const { return header_; }

 private:
  struct Extent {
    std::size_t slots = 0;
    std::size_t events = 0;
    std::size_t bytes = 0;
  };

  Watcher* watcher_;
  bool behind_;
  ByteCharge charge_;
  RevisionId next_;
  ChosenEvents chosen_;
  std::size_t bytes_ = 0;  // Invariant: the sum over `chosen_`.
  std::size_t revisions_ = 0;
  std::optional<Revision> newest_;
  std::optional<Revision> newest_before_;  // What newest_ was before its present value.
  Extent earlier_;                         // The part of `chosen_` that is older than newest_.
  std::optional<WatchHeader> header_;
};

}  // namespace cairn::kv
