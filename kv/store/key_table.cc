#include "kv/store/key_table.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "raft/base/assert.h"

namespace cairn::kv {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{256} << 10;

}  // namespace

// The links follow the struct in memory, as many as the node is high, and the key's bytes follow the links.
struct KeyTable::Node {
  std::int64_t main;
  std::int64_t create;
  std::int64_t version;
  std::int64_t lease;
  std::uint32_t sub;
  std::uint32_t key_size;
  std::uint32_t height;
  bool deletion;

  using Link = std::atomic<Node*>;

  Link* links() {
    return std::launder(reinterpret_cast<Link*>(reinterpret_cast<char*>(this) + sizeof(Node)));
  }
  [[nodiscard]] const Link* links() const {
    return std::launder(reinterpret_cast<const Link*>(reinterpret_cast<const char*>(this) + sizeof(Node)));
  }
  [[nodiscard]] Node* next(int level) const { return links()[level].load(std::memory_order_acquire); }
  [[nodiscard]] std::string_view key() const {
    return {reinterpret_cast<const char*>(links() + height), key_size};
  }
  [[nodiscard]] RevisionId id() const {
    return {.main = Revision{main}, .sub = static_cast<std::int64_t>(sub)};
  }
  [[nodiscard]] VersionInfo info() const {
    return {.id = id(),
            .create = Revision{create},
            .version = version,
            .lease = LeaseId{lease},
            .deletion = deletion};
  }
  // Whether this node stands before (key, at): keys ascend, revisions of a key descend.
  [[nodiscard]] bool Before(std::string_view other, RevisionId at) const {
    const int order = key().compare(other);
    return order < 0 || (order == 0 && id() > at);
  }
};

KeyTable::KeyTable() : head_(NewNode({}, {}, kHeightMax)) {}

KeyTable::~KeyTable() = default;

char* KeyTable::Allocate(std::size_t bytes) {
  bytes = (bytes + alignof(Node) - 1) & ~(alignof(Node) - 1);
  if (bytes > free_bytes_) {
    const std::size_t block = std::max(bytes, kBlockBytes);
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(block));
    free_ = blocks_.back().get();
    free_bytes_ = block;
    bytes_.fetch_add(block, std::memory_order_relaxed);
  }
  char* result = free_;
  free_ += bytes;
  free_bytes_ -= bytes;
  return result;
}

KeyTable::Node* KeyTable::NewNode(std::string_view key, const VersionInfo& info, int height) {
  const auto links = static_cast<std::size_t>(height);
  char* place = Allocate(sizeof(Node) + links * sizeof(Node::Link) + key.size());
  Node* node = new (place) Node{.main = info.id.main.value(),
                                .create = info.create.value(),
                                .version = info.version,
                                .lease = info.lease.value(),
                                .sub = static_cast<std::uint32_t>(info.id.sub),
                                .key_size = static_cast<std::uint32_t>(key.size()),
                                .height = static_cast<std::uint32_t>(height),
                                .deletion = info.deletion};
  for (std::size_t i = 0; i < links; ++i) {
    new (place + sizeof(Node) + i * sizeof(Node::Link)) Node::Link(nullptr);
  }
  if (!key.empty()) {
    std::memcpy(place + sizeof(Node) + links * sizeof(Node::Link), key.data(), key.size());
  }
  return node;
}

int KeyTable::RandomHeight() {
  int height = 1;
  while (height < kHeightMax && rng_.Below(4) == 0) ++height;
  return height;
}

KeyTable::Node* KeyTable::FindNotBefore(std::string_view key, RevisionId at, Node** before) const {
  Node* node = head_;
  const Node* known_not_before = nullptr;  // Spares comparing the same successor again one level down.
  for (int level = height_.load(std::memory_order_relaxed) - 1;; --level) {
    Node* next = node->next(level);
    while (next != nullptr && next != known_not_before && next->Before(key, at)) {
      node = next;
      next = node->next(level);
    }
    if (before != nullptr) before[level] = node;
    if (level == 0) return next;
    known_not_before = next;
  }
}

void KeyTable::Insert(std::string_view key, const VersionInfo& info) {
  Node* before[kHeightMax];
  const Node* found = FindNotBefore(key, info.id, before);
  if (found != nullptr) {
    CAIRN_ASSERT(found->id() != info.id || found->key() != key, "version {}.{} inserted twice", info.id.main,
                 info.id.sub);
  }
  const int height = RandomHeight();
  const int levels = height_.load(std::memory_order_relaxed);
  for (int level = levels; level < height; ++level) before[level] = head_;
  // Readers that see the new height early find null links in the head and go one level down.
  if (height > levels) height_.store(height, std::memory_order_relaxed);
  Node* node = NewNode(key, info, height);
  for (int level = 0; level < height; ++level) {
    node->links()[level].store(before[level]->next(level), std::memory_order_relaxed);
    // Release: whoever finds the node finds its fields and links.
    before[level]->links()[level].store(node, std::memory_order_release);
  }
  size_.fetch_add(1, std::memory_order_relaxed);
}

std::optional<VersionInfo> KeyTable::Newest(std::string_view key, RevisionId at) const {
  const Node* node = FindNotBefore(key, at, nullptr);
  if (node == nullptr || node->key() != key) return std::nullopt;
  return node->info();
}

std::string_view KeyTable::Iterator::key() const { return node_->key(); }
VersionInfo KeyTable::Iterator::info() const { return node_->info(); }
void KeyTable::Iterator::Next() { node_ = node_->next(0); }
void KeyTable::Iterator::SeekToFirst() { node_ = table_->head_->next(0); }
void KeyTable::Iterator::Seek(std::string_view key, RevisionId at) {
  node_ = table_->FindNotBefore(key, at, nullptr);
}

}  // namespace cairn::kv
