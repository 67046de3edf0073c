#pragma once

#include <absl/status/status.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "kv/model/event.h"
#include "kv/model/key_value.h"
#include "kv/model/member.h"
#include "kv/store/generation.h"
#include "kv/store/view.h"

namespace cairn::kv {

struct WriterOptions {
  std::size_t batch_bytes = 4 << 20;  // A batch is written when it has about this size.
  std::size_t feed_bytes = 32 << 20;  // Changes of one revision that are kept for the feed; more are not.
  // Called in the middle of a request when everything changed so far is written: may freeze the key index.
  std::function<void()> between_batches = {};
};

// The changes of the request that a Writer is at.
struct OpenRequest {
  std::shared_ptr<RevisionEvents> events;
  std::int64_t changes = 0;
  std::size_t bytes = 0;  // Of the events, as long as they are kept.
};

// Makes the changes of applied entries: collects them in a batch, keeps the key index in step, and writes and
// publishes them together with the place in the log they bring the state to. What is in the batch is seen by
// view() and by nobody else.
//
// The applier's thread. Between two entries a batch may end anywhere; a large request may also be split
// (SplitIfLarge), and then shows only with its last batch.
class Writer {
 public:
  Writer(std::shared_ptr<Generation> generation, WriterOptions options);

  // The state including everything changed so far; read at now().
  [[nodiscard]] const View& view() const { return view_; }
  [[nodiscard]] RevisionId now() const { return schema::EndOf(Next(state_.revision)); }
  // The state before the present request.
  [[nodiscard]] RevisionId before() const { return schema::EndOf(state_.revision); }

  [[nodiscard]] Revision revision() const { return state_.revision; }  // Before the present request.
  // That of the present request if it has changed something, else the one before.
  [[nodiscard]] Revision visible_revision() const { return open_ ? Next(state_.revision) : state_.revision; }
  [[nodiscard]] Revision compacted() const { return compacted_; }
  [[nodiscard]] const schema::State& state() const { return state_; }
  [[nodiscard]] const Members& members() const { return *members_; }

  // A new version of a key, whose live version now is `previous`.
  void Put(std::string_view key, std::string_view value, LeaseId lease,
           const std::optional<VersionInfo>& previous);
  // REQUIRES: `previous` is the key's live version.
  void Delete(std::string_view key, const VersionInfo& previous);
  // Writes what has been collected if it is much, so that the largest request needs little memory for its
  // batch. What was written of it does not show until the request is complete; the entries before it do.
  absl::Status SplitIfLarge();

  void SetCompacted(Revision compacted);
  void SetMembers(Members members);

  // The entry `id` has been applied completely.
  void EndEntry(raft::EntryId id, ClusterTime time);

  // Whether the present request has changed nothing yet.
  [[nodiscard]] bool between_entries() const { return !open_; }

  // Whether Commit() is due because of the batch's size.
  [[nodiscard]] bool full() const { return batch_->bytes() >= options_.batch_bytes; }

  // Writes the batch and publishes it. An error leaves a state that must not be used further.
  absl::Status Commit();

  // What has become visible since the last call: revisions, and the compacted revision if it moved.
  struct Visible {
    std::vector<std::shared_ptr<const RevisionEvents>> revisions;
    std::optional<Revision> compacted;
  };
  Visible TakeVisible();

  // Lets go of tables of the key index that have been written behind. Between two entries.
  void RefreshView() { view_ = View::OfWriter(generation_, pending_); }

 private:
  void Collect(Event event);
  void Change(std::string_view key, std::string value, std::size_t head, const VersionInfo& info,
              std::optional<RevisionId> previous);
  absl::Status WriteBatchOut();
  // Shows what has been written of complete entries.
  void Publish();

  std::shared_ptr<Generation> generation_;
  const WriterOptions options_;
  std::unique_ptr<WriteBatch> batch_;
  std::vector<Event> pending_;  // The changes in `batch_`, ascending.
  View view_;

  schema::State state_;  // As of the last complete entry.
  Revision compacted_;
  std::shared_ptr<const Members> members_;

  std::optional<OpenRequest> open_;   // Nothing: none yet.
  std::int64_t live_keys_added_ = 0;  // By the present request.
  bool compacted_moved_ = false;      // Since it was last published, as is the next.
  bool members_moved_ = false;
  std::vector<std::shared_ptr<const RevisionEvents>> complete_;  // Not yet published.
  Visible visible_;
};

}  // namespace cairn::kv
