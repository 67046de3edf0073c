#pragma once

#include <absl/container/inlined_vector.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "kv/model/range.h"
#include "raft/base/assert.h"
#include "raft/base/rng.h"

namespace cairn::kv {

// Ranges of keys, and which of them contain a key: a treap ordered by begin and end, each node knowing the
// greatest end below it. A look-up costs O(log n) plus O(log n) per range found at worst; nested ranges are
// found for much less. Owns nothing but its nodes; T is what is found. Not thread-safe.
//
// The depth is as good as the seed is secret: who knows it can choose ranges that make the tree a path.
// Nothing here recurses, so that would cost time and not the stack.
template <typename T>
class RangeTree {
 public:
  explicit RangeTree(std::uint64_t seed) : rng_(seed) {}
  ~RangeTree() {
    std::vector<Link> left;
    left.push_back(std::move(root_));
    while (!left.empty()) {
      const Link node = std::move(left.back());
      left.pop_back();
      if (node == nullptr) continue;
      left.push_back(std::move(node->left));
      left.push_back(std::move(node->right));
    }
  }
  RangeTree(const RangeTree&) = delete;
  RangeTree& operator=(const RangeTree&) = delete;

  // REQUIRES: no equal range is in the tree; `range` outlives its stay.
  void Insert(const KeyRange& range, T* value) {
    auto node = std::make_unique<Node>(range, value, rng_.Next());
    // Down to where its priority belongs; it is below everything on the way.
    Link* link = &root_;
    while (*link != nullptr && (*link)->priority >= node->priority) {
      Node& above = **link;
      if (CompareEnds(range, *above.furthest) > 0) above.furthest = &range;
      const int order = Compare(range, *above.range);
      CAIRN_ASSERT(order != 0, "a range is in the tree once");
      link = order < 0 ? &above.left : &above.right;
    }
    Split(std::move(*link), *node);
    *link = std::move(node);
  }

  // REQUIRES: `range` is in the tree.
  void Erase(const KeyRange& range) {
    std::vector<Node*> path;
    Link* link = &root_;
    while (true) {
      CAIRN_ASSERT(*link != nullptr, "the range is not in the tree");
      Node& node = **link;
      const int order = Compare(range, *node.range);
      if (order == 0) break;
      path.push_back(&node);
      link = order < 0 ? &node.left : &node.right;
    }
    const Link erased = std::move(*link);
    Merge(std::move(erased->left), std::move(erased->right), *link, path);
    UpdateUpwards(path);
  }

  // The value of exactly this range; null if there is none.
  [[nodiscard]] T* Find(const KeyRange& range) const {
    const Node* node = root_.get();
    while (node != nullptr && Compare(range, *node->range) != 0) {
      node = Compare(range, *node->range) < 0 ? node->left.get() : node->right.get();
    }
    return node == nullptr ? nullptr : node->value;
  }

  // Calls found(T&) for every range that contains `key`, in order of begin.
  template <typename Found>
  void ForEachContaining(std::string_view key, const Found& found) const {
    absl::InlinedVector<const Node*, 64> entered;  // Left of which everything was visited or is being.
    const Node* node = root_.get();
    while (true) {
      if (node != nullptr && EndsAbove(*node->furthest, key)) {
        entered.push_back(node);
        node = node->left.get();
        continue;
      }
      if (entered.empty()) return;
      node = entered.back();
      entered.pop_back();
      if (key < node->range->begin) return;  // So does everything that comes after it in order.
      if (EndsAbove(*node->range, key)) found(*node->value);
      node = node->right.get();
    }
  }

  [[nodiscard]] bool empty() const { return root_ == nullptr; }
  // Of the node that is furthest down; the root's is 1. Walks the whole tree.
  [[nodiscard]] std::size_t depth() const {
    std::size_t depth = 0;
    std::vector<std::pair<const Node*, std::size_t>> left = {{root_.get(), 1}};
    while (!left.empty()) {
      const auto [node, at] = left.back();
      left.pop_back();
      if (node == nullptr) continue;
      depth = std::max(depth, at);
      left.push_back({node->left.get(), at + 1});
      left.push_back({node->right.get(), at + 1});
    }
    return depth;
  }

 private:
  struct Node {
    Node(const KeyRange& of_range, T* of_value, std::uint64_t with_priority)
        : range(&of_range), value(of_value), priority(with_priority), furthest(&of_range) {}
    const KeyRange* range;
    T* value;
    std::uint64_t priority;    // Invariant: not below that of the children.
    const KeyRange* furthest;  // Invariant: of the ranges in this subtree, one with the greatest end.
    std::unique_ptr<Node> left;
    std::unique_ptr<Node> right;
  };
  using Link = std::unique_ptr<Node>;

  static int CompareEnds(const KeyRange& a, const KeyRange& b) {
    if (a.unbounded || b.unbounded) return static_cast<int>(a.unbounded) - static_cast<int>(b.unbounded);
    return a.end.compare(b.end);
  }
  static int Compare(const KeyRange& a, const KeyRange& b) {
    const int begins = a.begin.compare(b.begin);
    return begins != 0 ? begins : CompareEnds(a, b);
  }
  static bool EndsAbove(const KeyRange& range, std::string_view key) {
    return range.unbounded || key < range.end;
  }

  static void Update(Node& node) {
    node.furthest = node.range;
    for (const Node* child : {node.left.get(), node.right.get()}) {
      if (child != nullptr && CompareEnds(*child->furthest, *node.furthest) > 0) {
        node.furthest = child->furthest;
      }
    }
  }

  // REQUIRES: those below come later in `path`.
  static void UpdateUpwards(const std::vector<Node*>& path) {
    for (auto node = path.rbegin(); node != path.rend(); ++node) Update(**node);
  }

  // Hangs the nodes of `tree` below `node`, whose range is not among theirs.
  static void Split(Link tree, Node& node) {
    std::vector<Node*> path;
    Link* less = &node.left;  // Where the next smaller node belongs.
    Link* more = &node.right;
    while (tree != nullptr) {
      path.push_back(tree.get());
      const bool is_less = Compare(*tree->range, *node.range) < 0;
      Link& inner = is_less ? tree->right : tree->left;
      Link rest = std::move(inner);
      Link*& end = is_less ? less : more;
      *end = std::move(tree);
      end = &inner;
      tree = std::move(rest);
    }
    UpdateUpwards(path);
    Update(node);
  }

  // Puts both at `link` and appends the nodes whose children changed to `path`.
  // REQUIRES: everything in `left` is below everything in `right`.
  static void Merge(Link left, Link right, Link& link, std::vector<Node*>& path) {
    Link* at = &link;
    while (left != nullptr && right != nullptr) {
      const bool left_above = left->priority >= right->priority;
      Link& above = left_above ? left : right;
      Link& inner = left_above ? above->right : above->left;
      Link rest = std::move(inner);
      path.push_back(above.get());
      *at = std::move(above);
      at = &inner;
      above = std::move(rest);
    }
    *at = std::move(left != nullptr ? left : right);
  }

  Rng rng_;  // Only balances the tree.
  Link root_;
};

}  // namespace cairn::kv
