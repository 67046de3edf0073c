#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>

// The few operations on files that the stores need beside RocksDB's own. Errors name the file.
namespace cairn::kv::files {

absl::StatusOr<std::string> ReadAll(const std::string& path);  // NotFound if it is not there.
absl::Status ReadAt(const std::string& path, std::uint64_t offset, std::size_t length, std::string& out);
// Appends at the end. Creates the file.
absl::Status Append(const std::string& path, std::string_view bytes);
absl::Status Truncate(const std::string& path, std::uint64_t size);
// Makes a file's bytes, or a directory's names, durable.
absl::Status Sync(const std::string& path);
absl::Status Rename(const std::string& from, const std::string& to);
// The file has either the old content or the new one, whatever happens; durable when OK is returned.
absl::Status Replace(const std::string& directory, const std::string& name, std::string_view content);
absl::Status MakeDirectory(const std::string& path);  // OK if it is there.
// A tree; best effort.
void RemoveTree(const std::string& path);
absl::StatusOr<std::uint64_t> Size(const std::string& path);  // NotFound if it is not there.
// What an ordinary user may still write on the file system of `path`.
absl::StatusOr<std::uint64_t> FreeBytes(const std::string& path);

// Asked before every operation that changes something; an error it gives is the operation's, which then does
// nothing. For tests that let a disk fail or a process die at one certain operation.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual absl::Status Before(std::string_view operation, const std::string& path) = 0;
};
// Null: nobody. For the whole process, as the functions are; any thread may then ask it.
void SetObserver(Observer* observer);
// An operation of somebody else's, RocksDB's, that is to be observed as ours are.
absl::Status Observe(std::string_view operation, const std::string& path);

}  // namespace cairn::kv::files
