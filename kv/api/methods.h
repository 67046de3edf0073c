#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cairn::kv::api {

enum class Shape : std::uint8_t { kUnary, kServerStream, kBidiStream };

// One RPC of etcd's API.
struct MethodInfo {
  std::string_view service;
  std::string_view name;
  Shape shape = Shape::kUnary;

  [[nodiscard]] std::string Path() const;  // "/service/name"
};

inline constexpr std::size_t kMethods = 51;

// Position in Methods(): the same for the whole life of the process, not across versions.
using MethodIndex = std::size_t;

// Every RPC there is, served or not: so that each has its counters, and a refusal that names it.
const std::array<MethodInfo, kMethods>& Methods();

// Of a path as it comes from the wire.
std::optional<MethodIndex> FindMethod(std::string_view path);

// REQUIRES: it exists.
MethodIndex MethodNamed(std::string_view service, std::string_view name);

std::string_view ShapeName(Shape shape);  // As in etcd's metrics: "unary", "server_stream", "bidi_stream".

}  // namespace cairn::kv::api
