#include "tests/integration/faults/final_check.h"

#include <fmt/format.h>

#include <charconv>
#include <map>

#include "raft/base/status.h"
#include "tests/integration/faults/load.h"

namespace cairn::faults {
namespace {

using std::chrono::milliseconds;
namespace pb = kv::client::pb;

constexpr std::int64_t kPage = 1000;
constexpr milliseconds kCatchUp{30'000};

// All keys of the run as one node has them at `revision`.
absl::StatusOr<std::map<std::string, std::int64_t>> ReadAll(Cluster& cluster, std::size_t node,
                                                            std::int64_t revision) {
  std::map<std::string, std::int64_t> keys;
  pb::RangeRequest request;
  request.set_key(kPrefix);
  request.set_range_end(kv::client::PrefixEnd(kPrefix));
  request.set_serializable(true);
  request.set_revision(revision);
  request.set_limit(kPage);
  const auto end = std::chrono::steady_clock::now() + kCatchUp;
  while (true) {
    const absl::StatusOr<pb::RangeResponse> response = cluster.client().kv().GetAt(node, request);
    // It has to arrive there first: a serializable read does not wait.
    if (absl::IsOutOfRange(response.status()) && std::chrono::steady_clock::now() < end &&
        Pause(milliseconds(20))) {
      continue;
    }
    if (!response.ok()) return response.status();
    for (const mvccpb::KeyValue& kv : response->kvs()) {
      std::int64_t sequence = -1;
      std::from_chars(kv.value().data(), kv.value().data() + kv.value().size(), sequence);
      keys[kv.key()] = sequence;
    }
    if (!response->more()) return keys;
    request.set_key(response->kvs().rbegin()->key() + '\0');
  }
}

void CompareWithBoard(std::size_t node, const std::map<std::string, std::int64_t>& keys,
                      const KeyBoard& board, Verdict& verdict) {
  const std::map<std::string, KeyBoard::State> expected = board.All();
  for (const auto& [key, state] : expected) {
    const auto found = keys.find(key);
    const std::int64_t holds = found == keys.end() ? 0 : found->second;
    if (holds < state.acknowledged) {
      verdict.Violation(fmt::format("lost write: n{} has {} at #{}, but #{} was acknowledged", node + 1, key,
                                    holds, state.acknowledged));
    }
    if (holds > state.attempted) {
      verdict.Violation(fmt::format("n{} has {} at #{}, but only #{} was attempted", node + 1, key, holds,
                                    state.attempted));
    }
  }
  for (const auto& [key, sequence] : keys) {
    if (!expected.contains(key))
      verdict.Violation(fmt::format("n{} has {}, which nobody wrote", node + 1, key));
  }
}

void CompareHashes(Cluster& cluster, std::int64_t revision, Verdict& verdict) {
  std::map<std::uint32_t, std::string> hashes;
  for (std::size_t node = 0; node < cluster.size(); ++node) {
    const absl::StatusOr<pb::HashKVResponse> hash = cluster.client().maintenance().HashKv(node, revision);
    if (!hash.ok()) {
      verdict.Violation(fmt::format("HashKV at n{}: {}", node + 1, MessageOf(hash.status())));
      continue;
    }
    hashes[hash->hash()] += fmt::format(" n{}", node + 1);
  }
  if (hashes.size() <= 1) return;
  std::string detail;
  for (const auto& [hash, nodes] : hashes) detail += fmt::format(" {:08x}:{}", hash, nodes);
  verdict.Violation(fmt::format("HashKV at revision {} differs:{}", revision, detail));
}

}  // namespace

absl::StatusOr<std::int64_t> FinalRevision(Cluster& cluster) {
  pb::RangeRequest request;
  request.set_key(kPrefix);
  const absl::StatusOr<pb::RangeResponse> response = cluster.client().kv().Get(request);
  if (!response.ok()) return response.status();
  return response->header().revision();
}

std::int64_t CheckNodes(Cluster& cluster, const KeyBoard& board, std::int64_t revision, Verdict& verdict) {
  std::map<std::string, std::int64_t> first;
  for (std::size_t node = 0; node < cluster.size(); ++node) {
    const absl::StatusOr<std::map<std::string, std::int64_t>> keys = ReadAll(cluster, node, revision);
    if (!keys.ok()) {
      verdict.Violation(fmt::format("cannot read all keys at n{}: {}", node + 1, MessageOf(keys.status())));
      continue;
    }
    CompareWithBoard(node, *keys, board, verdict);
    if (node == 0) first = *keys;
    if (*keys != first) verdict.Violation(fmt::format("n{} and n1 hold different keys or values", node + 1));
  }
  CompareHashes(cluster, revision, verdict);
  return static_cast<std::int64_t>(first.size());
}

}  // namespace cairn::faults
