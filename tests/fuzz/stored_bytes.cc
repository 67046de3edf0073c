// The decoders that are written by hand behind the envelope of a peer's message or a file: replicated
// commands, records, rows of the store, and the manifest of a snapshot. What is read can be written and reads
// the same again; what stands for a protobuf message reads as protobuf reads it.
//
// Input: a byte that chooses the decoder, and what it is given.
#include <fmt/format.h>
#include <google/protobuf/stubs/logging.h>

#include <cstdint>
#include <string>

#include "etcd/kv.pb.h"
#include "kv/model/command.h"
#include "kv/model/key_value.h"
#include "kv/store/schema.h"
#include "kv/store/store_home.h"
#include "raft/base/assert.h"
#include "raft/base/status.h"
#include "tests/fuzz/target.h"

namespace cairn::fuzz {
namespace {

using kv::LeaseId;
using kv::Revision;

enum class Decoder : std::uint8_t {
  kCommand,
  kKeyValue,
  kManifest,
  kChange,
  kVersion,
  kState,
  kCompaction,
  kMembers,
  kIndexRow
};
constexpr std::uint8_t kDecoders = 9;

bool RunCommand(std::string_view bytes) {
  const absl::StatusOr<kv::Command> command = kv::DecodeCommand(bytes);
  CAIRN_ASSERT(command.ok() == (bytes.size() >= 2), "size={}", bytes.size());
  if (!command.ok()) return false;
  CAIRN_ASSERT(command->body == bytes.substr(2), "body={} of {}", command->body.size(), bytes.size());
  if (command->version != 1) return true;  // What no encoder of ours writes.
  const Payload again = kv::EncodeCommand(command->kind, command->body);
  CAIRN_ASSERT(again.bytes() == bytes, "kind={}", static_cast<int>(command->kind));
  return true;
}

bool RunKeyValue(std::string_view bytes) {
  const std::optional<kv::KeyValueView> view = kv::DecodeKeyValue(bytes);
  if (!view) return false;
  mvccpb::KeyValue message;
  CAIRN_ASSERT(message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())),
               "protobuf refuses what we take");
  CAIRN_ASSERT(message.key() == view->key, "key={} bytes", view->key.size());
  CAIRN_ASSERT(message.value() == view->value, "value={} bytes", view->value.size());
  CAIRN_ASSERT(message.create_revision() == view->create.value(), "create={}", view->create);
  CAIRN_ASSERT(message.mod_revision() == view->mod.value(), "mod={}", view->mod);
  CAIRN_ASSERT(message.version() == view->version, "version={}", view->version);
  CAIRN_ASSERT(message.lease() == view->lease.value(), "lease={}", view->lease);

  std::string again;
  kv::AppendKeyValue(again, *view);
  CAIRN_ASSERT(again.size() == kv::KeyValueSize(*view), "size={}", again.size());
  CAIRN_ASSERT(kv::DecodeKeyValue(again) == view, "another record came back");
  return true;
}

bool RunManifest(std::string_view bytes) {
  const absl::StatusOr<kv::ImageManifest> manifest = kv::ImageManifest::Decode(bytes);
  if (!manifest.ok()) return false;
  for (const kv::StoreImage::FileInfo& file : manifest->files) {
    CAIRN_ASSERT(file.name.find('/') == std::string::npos, "{}", file.name);
    // Zeros in front of the size are the only other way to write it.
    const std::string line = fmt::format("{} {}", file.size, file.name);
    CAIRN_ASSERT(bytes.find(line) != std::string_view::npos, "nothing said '{}'", line);
  }
  const std::string again = manifest->Encode();
  const absl::StatusOr<kv::ImageManifest> reread = kv::ImageManifest::Decode(again);
  CAIRN_ASSERT(reread.ok(), "{}", MessageOf(reread.status()));
  CAIRN_ASSERT(reread->Encode() == again, "another manifest came back");
  return true;
}

// For rows that have one encoding.
template <typename Value>
bool Same(std::string_view bytes, const absl::StatusOr<Value>& value, std::string (*encode)(const Value&)) {
  if (!value.ok()) return false;
  CAIRN_ASSERT(encode(*value) == bytes, "another row came back");
  return true;
}

// For rows of numbered fields, which may come in any order and with unknown ones between them.
template <typename Value>
bool RereadsTheSame(const absl::StatusOr<Value>& value, std::string (*encode)(const Value&),
                    absl::StatusOr<Value> (*decode)(std::string_view)) {
  if (!value.ok()) return false;
  const absl::StatusOr<Value> reread = decode(encode(*value));
  CAIRN_ASSERT(reread.ok(), "{}", MessageOf(reread.status()));
  CAIRN_ASSERT(encode(*reread) == encode(*value), "another row came back");
  return true;
}

bool RunIndexRow(std::string_view bytes) {
  std::string scratch;
  const absl::StatusOr<std::string_view> own = kv::schema::UserKeyOf(kv::schema::LatestKey(bytes), scratch);
  CAIRN_ASSERT(own.ok(), "{}", MessageOf(own.status()));
  return kv::schema::UserKeyOf(bytes, scratch).ok();
}

bool Run(std::string_view input) {
  // Protobuf says of each string that is not UTF-8 that it refuses it.
  [[maybe_unused]] static const bool silent = google::protobuf::SetLogHandler(nullptr) != nullptr;
  if (input.empty()) return false;
  const auto decoder = static_cast<Decoder>(static_cast<std::uint8_t>(input[0]) % kDecoders);
  const std::string_view bytes = input.substr(1);
  switch (decoder) {
    case Decoder::kCommand:
      return RunCommand(bytes);
    case Decoder::kKeyValue:
      return RunKeyValue(bytes);
    case Decoder::kManifest:
      return RunManifest(bytes);
    case Decoder::kChange:
      return Same<kv::schema::Change>(bytes, kv::schema::DecodeChange(bytes), [](const auto& change) {
        return kv::schema::ChangeHead(
                   change.deletion ? kv::schema::ChangeKind::kDeletion : kv::schema::ChangeKind::kPut,
                   change.previous) +
               std::string(change.record);
      });
    case Decoder::kVersion:
      return RereadsTheSame(kv::schema::DecodeVersion(bytes), kv::schema::EncodeVersion,
                            kv::schema::DecodeVersion);
    case Decoder::kState:
      return RereadsTheSame(kv::schema::DecodeState(bytes), kv::schema::EncodeState, kv::schema::DecodeState);
    case Decoder::kCompaction:
      return Same(bytes, kv::schema::DecodeCompaction(bytes), kv::schema::EncodeCompaction);
    case Decoder::kMembers:
      return RereadsTheSame(kv::schema::DecodeMembers(bytes), kv::schema::EncodeMembers,
                            kv::schema::DecodeMembers);
    case Decoder::kIndexRow:
      return RunIndexRow(bytes);
  }
  CAIRN_ASSERT(false, "no decoder {}", static_cast<int>(decoder));
}

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  const auto add = [&seeds](Decoder decoder, std::string_view bytes) {
    seeds.push_back(static_cast<char>(decoder) + std::string(bytes));
  };
  std::string record;
  kv::AppendKeyValue(record, {.key = "key",
                              .value = std::string_view("va\0lue", 6),
                              .create = Revision{2},
                              .mod = Revision{300},
                              .version = 7,
                              .lease = LeaseId{-1}});
  const kv::RevisionId id{.main = Revision{300}, .sub = 4};
  add(Decoder::kCommand, kv::EncodeCommand(kv::CommandKind::kPut, record).bytes());
  add(Decoder::kKeyValue, record);
  kv::ImageManifest manifest{.origin = "store-1", .position = "300 5", .files = {}};
  manifest.files.push_back({.name = "000012.sst", .size = 4096});
  manifest.files.push_back({.name = "CURRENT", .size = 16});
  add(Decoder::kManifest, manifest.Encode());
  add(Decoder::kChange, kv::schema::ChangeHead(kv::schema::ChangeKind::kPut, id) + record);
  add(Decoder::kChange, kv::schema::ChangeHead(kv::schema::ChangeKind::kDeletion, std::nullopt) + record);
  add(Decoder::kVersion, kv::schema::EncodeVersion({.id = id, .create = Revision{2}, .version = 7}));
  add(Decoder::kState, kv::schema::EncodeState({.applied = {raft::Term{3}, raft::Index{17}},
                                                .time = ClusterTime{1000},
                                                .revision = Revision{300},
                                                .live_keys = 20}));
  add(Decoder::kCompaction,
      kv::schema::EncodeCompaction({.done = Revision{5}, .target = Revision{9}, .next = id}));
  kv::Members members;
  members.config.voters = {raft::NodeId{1}, raft::NodeId{2}};
  members.config.learners = {raft::NodeId{3}};
  for (const std::uint64_t node : {1, 2, 3}) {
    members.members.push_back({.id = raft::NodeId{node},
                               .name = fmt::format("node{}", node),
                               .client_urls = {"http://127.0.0.1:2379"},
                               .peer_urls = {"http://127.0.0.1:2380"},
                               .incarnation = raft::Incarnation{node},
                               .learner = node == 3});
  }
  add(Decoder::kMembers, kv::schema::EncodeMembers(members));
  add(Decoder::kIndexRow, kv::schema::HistoryKey(std::string_view("a\0b", 3), id));
  add(Decoder::kIndexRow, kv::schema::LatestKey("plain"));
  return seeds;
}

}  // namespace

extern const Target kStoredBytes = {"stored_bytes", Run, Seeds};

}  // namespace cairn::fuzz
