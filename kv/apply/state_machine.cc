#include "kv/apply/state_machine.h"

#include <fmt/format.h>

#include <utility>

#include "kv/apply/membership.h"
#include "kv/model/command.h"
#include "kv/store/snapshot_transfer.h"
#include "raft/base/assert.h"
#include "raft/base/status.h"

namespace cairn::kv {
namespace {

constexpr std::uint8_t kCommandVersion = 1;
// A batch ends when its answers sum up to this: a span of reading transactions changes next to nothing, and
// its answers would all be in memory before the first of them could leave.
constexpr std::size_t kAnswersBytes = std::size_t{16} << 20;

// The one list of what can be applied; null for a kind this program does not know.
ApplyRequest FindRequest(CommandKind kind) {
  switch (kind) {
    case CommandKind::kPut:
      return ApplyPut;
    case CommandKind::kDeleteRange:
      return ApplyDeleteRange;
    case CommandKind::kTxn:
      return ApplyTxn;
    case CommandKind::kCompact:
      return ApplyCompact;
    case CommandKind::kPublishMember:
      return ApplyPublishMember;
  }
  return nullptr;
}

}  // namespace

KvStateMachine::KvStateMachine(Store& store, const Options& options)
    : store_(store), options_(options), writer_(NewWriter()) {}

std::unique_ptr<Writer> KvStateMachine::NewWriter() {
  return std::make_unique<Writer>(
      store_.generation(), WriterOptions{.batch_bytes = options_.batch_bytes,
                                         .feed_bytes = options_.feed_bytes,
                                         .between_batches = [this] { store_.FreezeIndex(Freeze::kIfFull); }});
}

raft::SnapshotMeta KvStateMachine::recovered() const {
  return SnapshotMetaOf(writer_->state(), writer_->members());
}

absl::Status KvStateMachine::Apply(std::span<raft::ApplyItem> items) {
  CAIRN_RETURN_IF_ERROR(store_.background_status());
  for (raft::ApplyItem& item : items) {
    const raft::Entry& entry = item.entry;
    CAIRN_ASSERT(entry.id.index == Next(writer_->state().applied.index), "entry {} after {}", entry.id.index,
                 writer_->state().applied.index);
    absl::StatusOr<std::unique_ptr<KvResult>> result = ApplyEntry(entry, item.done != nullptr);
    if (!result.ok()) {
      // What came before is complete; it counts unless this entry had begun to change something.
      if (writer_->between_entries()) CAIRN_RETURN_IF_ERROR(Commit());
      return result.status();
    }
    if (item.done != nullptr) Hold(item, *std::move(result));
    if (writer_->full() || answers_bytes_ >= kAnswersBytes) CAIRN_RETURN_IF_ERROR(Commit());
  }
  return Commit();
}

void KvStateMachine::Hold(raft::ApplyItem& item, std::unique_ptr<KvResult> result) {
  for (const Bytes& piece : result->body) answers_bytes_ += piece.view.size();
  answers_.push_back({.item = &item, .result = std::move(result)});
}

absl::StatusOr<std::unique_ptr<KvResult>> KvStateMachine::ApplyEntry(const raft::Entry& entry, bool answer) {
  std::unique_ptr<KvResult> result;
  switch (entry.kind) {
    case raft::EntryKind::kEmpty:
      break;
    case raft::EntryKind::kCommand: {
      CAIRN_ASSIGN_OR_RETURN(result, ApplyCommand(entry, answer));
      break;
    }
    case raft::EntryKind::kMembership: {
      CAIRN_ASSIGN_OR_RETURN(Members members, MembersAfter(writer_->members(), entry.payload.bytes()));
      writer_->SetMembers(std::move(members));
      break;
    }
  }
  writer_->EndEntry(entry.id, entry.time);
  if (answer && result == nullptr) {
    result = std::make_unique<KvResult>();
    result->revision = writer_->revision();
  }
  return result;
}

absl::StatusOr<std::unique_ptr<KvResult>> KvStateMachine::ApplyCommand(const raft::Entry& entry,
                                                                       bool answer) {
  CAIRN_ASSIGN_OR_RETURN(const Command command, DecodeCommand(entry.payload.bytes()));
  const ApplyRequest apply = FindRequest(command.kind);
  if (apply == nullptr || command.version != kCommandVersion) {
    // To pass it over would make this member differ from those that know it.
    return absl::FailedPreconditionError(
        fmt::format("entry {} carries a command of kind {} version {}, which this version of cairn does not "
                    "know: start a "
                    "newer one on this data directory",
                    entry.id.index, static_cast<int>(command.kind), command.version));
  }
  ApplyContext context{.writer = *writer_,
                       .answer = answer,
                       .answer_bytes = options_.answer_bytes,
                       .pin_bytes = options_.pin_bytes};
  return apply(context, command.body);
}

absl::Status KvStateMachine::Commit() {
  CAIRN_RETURN_IF_ERROR(writer_->Commit());
  const Writer::Visible visible = writer_->TakeVisible();
  if (feed_ != nullptr) {
    if (!visible.revisions.empty()) feed_->OnRevisions(visible.revisions);
    if (visible.compacted) feed_->OnCompacted(*visible.compacted);
  }
  answers_bytes_ = 0;
  for (Answer& answer : std::exchange(answers_, {})) {
    raft::ProposeDone done = std::exchange(answer.item->done, nullptr);
    done(std::move(answer.result));
  }
  // Only after the answers: a full key index may make this wait for the background.
  if (visible.compacted) store_.StartCompaction();
  store_.FreezeIndex(Freeze::kIfFull);
  writer_->RefreshView();
  return absl::OkStatus();
}

std::uint64_t KvStateMachine::unflushed_bytes() const { return store_.generation()->kv().unflushed_bytes(); }

absl::StatusOr<std::unique_ptr<raft::SnapshotSource>> KvStateMachine::OpenSnapshot() {
  return store_.OpenSnapshot();
}

absl::StatusOr<std::unique_ptr<raft::SnapshotSink>> KvStateMachine::ReceiveSnapshot(
    const raft::SnapshotMeta& meta, std::string_view manifest) {
  return store_.ReceiveSnapshot(meta, manifest);
}

absl::Status KvStateMachine::Install(std::unique_ptr<raft::SnapshotSink> sink) {
  CAIRN_RETURN_IF_ERROR(store_.Install(std::move(sink)));
  const std::shared_ptr<Generation> generation = store_.generation();
  writer_ = NewWriter();
  if (feed_ != nullptr) feed_->OnStateReplaced(generation->current(), generation->compacted());
  return absl::OkStatus();
}

}  // namespace cairn::kv
