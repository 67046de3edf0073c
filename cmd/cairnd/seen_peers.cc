#include "cmd/cairnd/seen_peers.h"

#include <fmt/format.h>

#include <cstdint>
#include <utility>

#include "cmd/cairnd/sealed_file.h"
#include "raft/base/status.h"

namespace cairn::node {
namespace {

constexpr std::uint64_t kFormat = 1;
constexpr const char* kFile = "peers";

absl::Status CheckSame(raft::NodeId member, raft::Incarnation recorded, raft::Incarnation incarnation) {
  if (recorded == incarnation) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("member {:x} introduced itself with incarnation {:x} before, and now with {:x}", member,
                  recorded, incarnation));
}

}  // namespace

absl::StatusOr<std::unique_ptr<SeenPeers>> SeenPeers::Open(const std::string& directory) {
  CAIRN_ASSIGN_OR_RETURN(std::unique_ptr<raft::PosixDisk> disk, raft::PosixDisk::Open(directory));
  Seen seen;
  const absl::StatusOr<std::string> text = ReadSealed(*disk, kFile);
  if (text.ok()) {
    CAIRN_ASSIGN_OR_RETURN(seen, Decode(*text, directory + "/" + kFile));
  } else if (!absl::IsNotFound(text.status())) {
    return text.status();
  }
  return std::unique_ptr<SeenPeers>(new SeenPeers(std::move(disk), std::move(seen)));
}

absl::Status SeenPeers::Record(raft::NodeId member, raft::Incarnation incarnation) {
  const absl::MutexLock writing(&writing_);
  if (const std::optional<raft::Incarnation> recorded = IncarnationOf(member)) {
    return CheckSame(member, *recorded, incarnation);
  }
  return Write(member, incarnation);
}

absl::Status SeenPeers::Replace(raft::NodeId member, raft::Incarnation incarnation) {
  const absl::MutexLock writing(&writing_);
  if (IncarnationOf(member) == incarnation) return absl::OkStatus();
  return Write(member, incarnation);
}

absl::Status SeenPeers::Write(raft::NodeId member, raft::Incarnation incarnation) {
  Seen next;
  {
    const absl::MutexLock lock(&mu_);
    next = seen_;
  }
  next[member] = incarnation;
  CAIRN_RETURN_IF_ERROR(ReplaceSealed(*disk_, kFile, Encode(next)));
  const absl::MutexLock lock(&mu_);
  seen_.swap(next);
  return absl::OkStatus();
}

std::optional<raft::Incarnation> SeenPeers::IncarnationOf(raft::NodeId member) const {
  const absl::MutexLock lock(&mu_);
  const auto known = seen_.find(member);
  return known == seen_.end() ? std::nullopt : std::optional(known->second);
}

// Two lines for each member: "peer ID", "incarnation ID".
std::string SeenPeers::Encode(const Seen& seen) {
  std::string text = fmt::format("format {}\n", kFormat);
  for (const auto& [member, incarnation] : seen) {
    text += fmt::format("peer {:016x}\nincarnation {:016x}\n", member.value(), incarnation.value());
  }
  return text;
}

absl::StatusOr<SeenPeers::Seen> SeenPeers::Decode(std::string_view text, const std::string& path) {
  CAIRN_ASSIGN_OR_RETURN(std::string_view rest, FieldsOf(text, kFormat, path));
  Seen seen;
  std::uint64_t member = 0;
  std::uint64_t incarnation = 0;
  while (TakeField(rest, "peer", 16, member)) {
    if (!TakeField(rest, "incarnation", 16, incarnation)) break;
    seen[raft::NodeId{member}] = raft::Incarnation{incarnation};
  }
  if (!rest.starts_with("checksum ")) return Corruption(path, text.size() - rest.size(), "an unknown line");
  return seen;
}

}  // namespace cairn::node
