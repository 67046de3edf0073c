#include "tests/raft/log/log_script.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "raft/base/rng.h"
#include "raft/base/status.h"

namespace cairn::raft {

Entry MakeEntry(std::uint64_t index, std::uint64_t term, std::size_t payload_bytes, std::uint64_t salt) {
  Rng rng(index * 1'000'003 + term * 1'009 + salt);
  std::string payload(payload_bytes, '\0');
  for (char& c : payload) c = static_cast<char>(rng.Next());
  return {.id = {Term{term}, Index{index}},
          .kind = payload_bytes == 0 ? EntryKind::kEmpty : EntryKind::kCommand,
          .time = ClusterTime{index * 10},
          .proposal = {.origin = term, .sequence = index + salt},
          .payload = Payload::FromString(std::move(payload))};
}

std::vector<Entry> MakeEntries(std::uint64_t first, std::size_t count, std::uint64_t term,
                               std::size_t payload_bytes, std::uint64_t salt) {
  std::vector<Entry> entries;
  entries.reserve(count);
  for (std::size_t i = 0; i < count; ++i) entries.push_back(MakeEntry(first + i, term, payload_bytes, salt));
  return entries;
}

absl::Status Perform(SegmentedLog& log, const LogStep& step) {
  if (const auto* writes = std::get_if<WriteStep>(&step)) return log.Write(*writes);
  if (const auto* release = std::get_if<ReleaseStep>(&step)) return log.ReleaseUpTo(release->index);
  if (const auto* reset = std::get_if<ResetStep>(&step)) return log.Reset(reset->base);
  return log.PrepareSpares();
}

void LogModel::Apply(const LogStep& step) {
  if (const auto* writes = std::get_if<WriteStep>(&step)) {
    for (const LogWrite& write : *writes) {
      if (write.hard_state) hard_state = *write.hard_state;
      if (write.entries.empty()) continue;
      entries.resize(write.entries.front().id.index.value() - base.index.value() - 1);
      entries.insert(entries.end(), write.entries.begin(), write.entries.end());
    }
  } else if (const auto* release = std::get_if<ReleaseStep>(&step)) {
    released = std::max(released, release->index);
  } else if (const auto* reset = std::get_if<ResetStep>(&step)) {
    base = reset->base;
    released = reset->base.index;
    entries.clear();
  }
}

std::string Difference(const LogModel& model, const LogContents& contents) {
  if (contents.hard_state != model.hard_state) {
    return fmt::format("hard state of term {}, wanted {}", contents.hard_state.term, model.hard_state.term);
  }
  const Index begin = contents.base.index;
  if (begin < model.base.index || begin > std::max(model.released, model.base.index)) {
    return fmt::format("begins after {}, wanted between {} and {}", begin, model.base.index, model.released);
  }
  const std::size_t skipped = begin.value() - model.base.index.value();
  const EntryId base = skipped == 0 ? model.base : model.entries[skipped - 1].id;
  if (contents.base != base) return fmt::format("base of term {}, wanted {}", contents.base.term, base.term);
  if (contents.entries.size() != model.entries.size() - skipped) {
    return fmt::format("ends with {}, wanted {}", begin.value() + contents.entries.size(),
                       model.last().index);
  }
  for (std::size_t i = 0; i < contents.entries.size(); ++i) {
    if (!(contents.entries[i] == model.entries[skipped + i])) {
      return fmt::format("entry {} is another one", model.entries[skipped + i].id.index);
    }
  }
  return "";
}

namespace {

LogWrite Entries(std::vector<Entry> entries) {
  return {.number = WriteNumber{1}, .hard_state = {}, .entries = std::move(entries)};
}

LogWrite Vote(std::uint64_t term, std::optional<NodeId> vote) {
  return {.number = WriteNumber{1}, .hard_state = HardState{Term{term}, vote}, .entries = {}};
}

}  // namespace

std::string AppendAndReopen(Disk& disk, const LogOptions& options, SegmentedLog::Opened opened) {
  LogModel model{.hard_state = opened.contents.hard_state,
                 .base = opened.contents.base,
                 .entries = opened.contents.entries,
                 .released = opened.contents.base.index};
  const EntryId last = model.last();
  const LogStep more = WriteStep{Entries({MakeEntry(last.index.value() + 1, last.term.value(), 9)})};
  model.Apply(more);
  if (const absl::Status status = Perform(*opened.log, more); !status.ok()) return status.ToString();
  const absl::StatusOr<SegmentedLog::Opened> again = SegmentedLog::Open(disk, options);
  return again.ok() ? Difference(model, again->contents) : again.status().ToString();
}

std::vector<LogStep> EverydayScript() {
  std::vector<LogStep> script;
  const auto write = [&](auto... writes) { script.emplace_back(WriteStep{std::move(writes)...}); };

  write(Vote(1, NodeId{1}));
  write(Entries(MakeEntries(1, 3, 1, 200)));
  write(Entries(MakeEntries(4, 1, 1, 1500)),
        Entries(MakeEntries(5, 2, 1, 1500)));  // Over pages, by reference.
  script.emplace_back(IdleStep{});
  write(Vote(2, std::nullopt), Entries(MakeEntries(6, 4, 2, 700)));  // Rewrites one, and fills the segment.
  write(Entries(MakeEntries(10, 3, 2, 900)));                        // The second segment.
  write(Entries(MakeEntries(8, 2, 3, 300)));  // Reaches back into the first segment: only 1 to 7 stay there.
  script.emplace_back(ReleaseStep{Index{7}});
  script.emplace_back(IdleStep{});
  write(Entries(MakeEntries(10, 5, 3, 1300)));   // A recycled segment.
  write(Entries(MakeEntries(15, 2, 3, 10000)));  // A batch larger than a segment.
  write(Vote(4, NodeId{3}));
  write(Entries(MakeEntries(16, 1, 4, 0)), Vote(5, std::nullopt), Entries(MakeEntries(16, 2, 5, 8)));
  script.emplace_back(ReleaseStep{Index{15}});
  script.emplace_back(IdleStep{});
  script.emplace_back(IdleStep{});
  write(Entries(MakeEntries(18, 6, 5, 1100)));
  write(Entries(MakeEntries(24, 4, 5, 1800)));
  script.emplace_back(ResetStep{{Term{6}, Index{40}}});
  write(Entries(MakeEntries(41, 2, 6, 100)));
  script.emplace_back(IdleStep{});
  write(Vote(7, NodeId{2}), Entries(MakeEntries(42, 5, 7, 1200)));
  write(Entries(MakeEntries(47, 3, 7, 2000)));
  script.emplace_back(ReleaseStep{Index{45}});
  write(Entries(MakeEntries(50, 3, 7, 2000)));
  script.emplace_back(ReleaseStep{Index{52}});
  return script;
}

std::vector<LogStep> Continuation(const LogModel& model) {
  std::vector<LogStep> script;
  const std::uint64_t term = std::max(model.hard_state.term.value(), model.last().term.value()) + 1;
  // Another salt: what was in flight at the crash must not look like this.
  const std::uint64_t last = model.last().index.value();
  const bool rewrites = last > std::max(model.released.value(), model.base.index.value());
  const std::uint64_t first = rewrites ? last : last + 1;
  script.emplace_back(WriteStep{Vote(term, NodeId{2}), Entries(MakeEntries(first, 3, term, 600, 77))});
  script.emplace_back(IdleStep{});
  script.emplace_back(WriteStep{Entries(MakeEntries(first + 3, 5, term, 1400, 77))});
  script.emplace_back(ReleaseStep{Index{first}});
  script.emplace_back(WriteStep{Entries(MakeEntries(first + 6, 5, term + 1, 900, 77))});
  return script;
}

}  // namespace cairn::raft
