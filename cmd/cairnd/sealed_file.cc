#include "cmd/cairnd/sealed_file.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <memory>
#include <system_error>
#include <utility>

#include "raft/base/checksum.h"
#include "raft/base/status.h"

namespace cairn::node {
namespace {

// Far more than a member of a cluster needs. A file that is longer fails its seal, so none is written.
constexpr std::size_t kLongest = 1 << 20;

absl::Status CheckSeal(std::string_view text, const std::string& path) {
  const std::size_t at = text.rfind("checksum ");
  std::string_view seal = at == std::string_view::npos ? "" : text.substr(at);
  std::uint64_t recorded = 0;
  if (!TakeField(seal, "checksum", 16, recorded) || !seal.empty()) {
    return Corruption(path, text.size(), "no checksum at the end");
  }
  if (const std::uint64_t found = Checksum(text.substr(0, at)); found != recorded) {
    return Corruption(path, at, fmt::format("checksum {:016x} recorded, {:016x} found", recorded, found));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ReplaceSealed(raft::Disk& disk, const std::string& name, std::string text) {
  text += fmt::format("checksum {:016x}\n", Checksum(text));
  if (text.size() > kLongest) {
    return absl::ResourceExhaustedError(
        fmt::format("{} would have {} bytes, and may have {}", name, text.size(), kLongest));
  }
  const std::string beside = name + ".new";
  {
    CAIRN_ASSIGN_OR_RETURN(const std::unique_ptr<raft::File> file, disk.Open(beside, {.create = true}));
    CAIRN_RETURN_IF_ERROR(file->Truncate(0));
    const std::array<std::string_view, 1> pieces = {text};
    CAIRN_RETURN_IF_ERROR(file->WriteAt(0, pieces));
    CAIRN_RETURN_IF_ERROR(file->Sync());
  }
  CAIRN_RETURN_IF_ERROR(disk.Rename(beside, name));
  return disk.SyncDirectory();
}

absl::StatusOr<std::string> ReadSealed(raft::Disk& disk, const std::string& name) {
  CAIRN_ASSIGN_OR_RETURN(const std::unique_ptr<raft::File> file,
                         disk.Open(name, {.create = false, .read_only = true}));
  std::string text;
  CAIRN_RETURN_IF_ERROR(file->ReadAt(0, kLongest, text));
  CAIRN_RETURN_IF_ERROR(disk.SyncDirectory());
  return text;
}

absl::StatusOr<std::string_view> FieldsOf(std::string_view text, std::uint64_t newest_format,
                                          const std::string& path) {
  std::string_view rest = text;
  std::uint64_t format = 0;
  if (!TakeField(rest, "format", 10, format)) return Corruption(path, 0, "no format");
  // Before the checksum: a later format may have another one.
  if (format > newest_format) {
    return absl::FailedPreconditionError(
        fmt::format("{} has format {}, and this cairnd knows formats up to {}; start a newer cairnd", path,
                    format, newest_format));
  }
  CAIRN_RETURN_IF_ERROR(CheckSeal(text, path));
  return rest;
}

bool TakeField(std::string_view& text, std::string_view name, int base, std::uint64_t& number) {
  if (!text.starts_with(name) || text.size() <= name.size() || text[name.size()] != ' ') return false;
  const std::string_view rest = text.substr(name.size() + 1);
  const std::size_t end = rest.find('\n');
  if (end == std::string_view::npos) return false;
  const auto [stopped, error] = std::from_chars(rest.data(), rest.data() + end, number, base);
  if (error != std::errc() || stopped != rest.data() + end) return false;
  text = rest.substr(end + 1);
  return true;
}

}  // namespace cairn::node
