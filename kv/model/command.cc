#include "kv/model/command.h"

#include <string>

namespace cairn::kv {
namespace {

constexpr std::size_t kHeaderBytes = 2;
constexpr std::uint8_t kVersion = 1;

}  // namespace

Payload EncodeCommand(CommandKind kind, std::string_view body) {
  std::string bytes;
  bytes.reserve(kHeaderBytes + body.size());
  bytes.push_back(static_cast<char>(kind));
  bytes.push_back(static_cast<char>(kVersion));
  bytes.append(body);
  return Payload::FromString(std::move(bytes));
}

absl::StatusOr<Command> DecodeCommand(std::string_view payload) {
  if (payload.size() < kHeaderBytes) {
    return absl::InvalidArgumentError("a command has at least two bytes: kind and version");
  }
  return Command{.kind = static_cast<CommandKind>(payload[0]),
                 .version = static_cast<std::uint8_t>(payload[1]),
                 .body = payload.substr(kHeaderBytes)};
}

}  // namespace cairn::kv
