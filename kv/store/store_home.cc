#include "kv/store/store_home.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <optional>
#include <set>

namespace cairn::kv {
namespace {

constexpr std::string_view kFirstLine = "cairn store image 1";
constexpr std::size_t kFilesMax = 1'000'000;

std::string_view TakeLine(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

bool IsPlainName(std::string_view name) {
  if (name.empty() || name.size() > 200 || name.front() == '.') return false;
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
         std::string_view::npos;
}

// All of `text`. Where the digits end alone says nothing: they end in the right place, too, if there are
// none, or more of them than the number can hold.
std::optional<std::uint64_t> ParseSize(std::string_view text) {
  std::uint64_t size = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return size;
}

}  // namespace

std::string ImageManifest::Encode() const {
  std::string out = fmt::format("{}\n{}\n{}\n", kFirstLine, origin, position);
  for (const StoreImage::FileInfo& file : files) out += fmt::format("{} {}\n", file.size, file.name);
  return out;
}

absl::StatusOr<ImageManifest> ImageManifest::Decode(std::string_view bytes) {
  if (TakeLine(bytes) != kFirstLine) {
    return absl::InvalidArgumentError("not the manifest of a store image, or one of a newer format");
  }
  ImageManifest manifest;
  manifest.origin = TakeLine(bytes);
  manifest.position = TakeLine(bytes);
  std::set<std::string_view> names;
  while (!bytes.empty()) {
    const std::string_view line = TakeLine(bytes);
    const std::size_t space = line.find(' ');
    // Without a space the line is the size, and the name is empty.
    const std::optional<std::uint64_t> size = ParseSize(line.substr(0, space));
    const std::string_view name =
        space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
    if (!size || !IsPlainName(name) || !names.insert(name).second || names.size() > kFilesMax) {
      return absl::InvalidArgumentError(
          fmt::format("file {} of the manifest is not a size and a plain name", manifest.files.size()));
    }
    manifest.files.push_back({.name = std::string(name), .size = *size});
  }
  if (manifest.files.empty()) return absl::InvalidArgumentError("the manifest names no file");
  return manifest;
}

}  // namespace cairn::kv
