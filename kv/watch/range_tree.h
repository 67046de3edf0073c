#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "kv/model/range.h"
#include "raft/base/rng.h"

namespace cairn::kv {

// Ranges of keys, and which of them contain a key: a treap ordered by begin and end, each node knowing the
// greatest end below it. A look-up costs O(log n) plus O(log n) per range found at worst; nested ranges are
// found for much less. Owns nothing but its nodes; T is what is found. Not thread-safe.
template <typename T>
class RangeTree {
 public:
  // REQUIRES: no equal range is in the tree; `range` outlives its stay.
  void Insert(const KeyRange& range, T* value) {
    auto node = std::make_unique<Node>(range, value, rng_.Next());
    root_ = Insert(std::move(root_), std::move(node));
  }

  // REQUIRES: `range` is in the tree.
  void Erase(const KeyRange& range) { root_ = Erase(std::move(root_), range); }

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
    Visit(root_.get(), key, found);
  }

  [[nodiscard]] bool empty() const { return root_ == nullptr; }

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

  // Everything below `range` goes left, the rest right.
  static std::pair<Link, Link> Split(Link node, const KeyRange& range) {
    if (node == nullptr) return {};
    if (Compare(*node->range, range) < 0) {
      auto [left, right] = Split(std::move(node->right), range);
      node->right = std::move(left);
      Update(*node);
      return {std::move(node), std::move(right)};
    }
    auto [left, right] = Split(std::move(node->left), range);
    node->left = std::move(right);
    Update(*node);
    return {std::move(left), std::move(node)};
  }

  // REQUIRES: everything in `left` is below everything in `right`.
  static Link Merge(Link left, Link right) {
    if (left == nullptr) return right;
    if (right == nullptr) return left;
    if (left->priority >= right->priority) {
      left->right = Merge(std::move(left->right), std::move(right));
      Update(*left);
      return left;
    }
    right->left = Merge(std::move(left), std::move(right->left));
    Update(*right);
    return right;
  }

  static Link Insert(Link root, Link node) {
    if (root == nullptr || node->priority > root->priority) {
      auto [left, right] = Split(std::move(root), *node->range);
      node->left = std::move(left);
      node->right = std::move(right);
      Update(*node);
      return node;
    }
    const int order = Compare(*node->range, *root->range);
    CAIRN_ASSERT(order != 0, "a range is in the tree once");
    Link& side = order < 0 ? root->left : root->right;
    side = Insert(std::move(side), std::move(node));
    Update(*root);
    return root;
  }

  static Link Erase(Link root, const KeyRange& range) {
    CAIRN_ASSERT(root != nullptr, "the range is not in the tree");
    const int order = Compare(range, *root->range);
    if (order == 0) return Merge(std::move(root->left), std::move(root->right));
    Link& side = order < 0 ? root->left : root->right;
    side = Erase(std::move(side), range);
    Update(*root);
    return root;
  }

  template <typename Found>
  static void Visit(const Node* node, std::string_view key, const Found& found) {
    if (node == nullptr || !EndsAbove(*node->furthest, key)) return;
    Visit(node->left.get(), key, found);
    if (key < node->range->begin) return;  // So does everything to the right.
    if (EndsAbove(*node->range, key)) found(*node->value);
    Visit(node->right.get(), key, found);
  }

  Rng rng_{1};  // Only balances the tree.
  Link root_;
};

}  // namespace cairn::kv
