#pragma once

#include <fmt/format.h>

#include <compare>
#include <cstdint>
#include <functional>
#include <ostream>

namespace cairn {

// A 64-bit id or counter that cannot be mistaken for another one. Explicit in, value() out, ordered; no
// arithmetic but the named functions below, because "term + 1" and "index + 1" are different sentences.
template <typename Tag, typename Rep = std::uint64_t>
class Strong {
 public:
  using Representation = Rep;

  constexpr Strong() = default;
  constexpr explicit Strong(Rep value) : value_(value) {}

  [[nodiscard]] constexpr Rep value() const { return value_; }

  friend constexpr bool operator==(Strong, Strong) = default;
  friend constexpr auto operator<=>(Strong, Strong) = default;
  friend std::ostream& operator<<(std::ostream& out, Strong strong) { return out << strong.value_; }

  template <typename H>
  friend H AbslHashValue(H state, Strong strong) {
    return H::combine(std::move(state), strong.value_);
  }

 private:
  Rep value_{};
};

// The counter's successor.
template <typename Tag, typename Rep>
[[nodiscard]] constexpr Strong<Tag, Rep> Next(Strong<Tag, Rep> counter) {
  return Strong<Tag, Rep>{static_cast<Rep>(counter.value() + 1)};
}

// The counter's predecessor. REQUIRES: counter is above zero.
template <typename Tag, typename Rep>
[[nodiscard]] constexpr Strong<Tag, Rep> Previous(Strong<Tag, Rep> counter) {
  return Strong<Tag, Rep>{static_cast<Rep>(counter.value() - 1)};
}

}  // namespace cairn

template <typename Tag, typename Rep>
struct std::hash<cairn::Strong<Tag, Rep>> {
  std::size_t operator()(cairn::Strong<Tag, Rep> strong) const noexcept {
    return std::hash<Rep>{}(strong.value());
  }
};

template <typename Tag, typename Rep>
struct fmt::formatter<cairn::Strong<Tag, Rep>> : fmt::formatter<Rep> {
  template <typename Context>
  auto format(cairn::Strong<Tag, Rep> strong, Context& context) const {
    return fmt::formatter<Rep>::format(strong.value(), context);
  }
};
