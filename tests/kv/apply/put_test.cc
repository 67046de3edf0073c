// PutRequest is decoded by hand; it must find what protobuf finds.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "etcd/rpc.pb.h"
#include "kv/apply/request.h"
#include "kv/model/wire.h"
#include "raft/base/rng.h"

namespace cairn::kv::test {
namespace {

std::string Shown(const std::string& body) {
  std::string out;
  for (const char byte : body) out += fmt::format("{:02x} ", static_cast<std::uint8_t>(byte));
  return out;
}

void ExpectTheSame(const std::string& body) {
  etcdserverpb::PutRequest parsed;
  const bool is_message = parsed.ParseFromString(body);
  const std::optional<PutFields> put = DecodePut(body);
  ASSERT_EQ(put.has_value(), is_message) << Shown(body);
  if (!put) return;
  EXPECT_EQ(put->key, parsed.key()) << Shown(body);
  EXPECT_EQ(put->value, parsed.value()) << Shown(body);
  EXPECT_EQ(put->lease.value(), parsed.lease()) << Shown(body);
  EXPECT_EQ(put->prev_kv, parsed.prev_kv()) << Shown(body);
  EXPECT_EQ(put->ignore_value, parsed.ignore_value()) << Shown(body);
  EXPECT_EQ(put->ignore_lease, parsed.ignore_lease()) << Shown(body);
}

TEST(DecodePut, AKnownNumberWithAnotherWireTypeIsAnUnknownField) {
  // Field by field as fixed64, fixed32 and bytes or varint, after the right ones.
  etcdserverpb::PutRequest request;
  request.set_key("key");
  request.set_value("value");
  request.set_lease(-7);
  request.set_prev_kv(true);
  const std::string start = request.SerializeAsString();
  for (std::uint32_t field = 1; field <= 8; ++field) {
    for (const wire::Type type :
         {wire::Type::kVarint, wire::Type::kFixed64, wire::Type::kBytes, wire::Type::kFixed32}) {
      std::string body = start;
      wire::AppendTag(body, field, type);
      if (type == wire::Type::kVarint) wire::AppendVarint(body, 1);
      if (type == wire::Type::kFixed64) body += std::string("\x01\0\0\0\0\0\0\0", 8);
      if (type == wire::Type::kFixed32) body += std::string("\x01\0\0\0", 4);
      if (type == wire::Type::kBytes) body += "\x01x";
      ExpectTheSame(body);
    }
  }
}

TEST(DecodePut, FindsWhatProtobufFindsInMutatedRequests) {
  Rng rng(7);
  for (int round = 0; round < 20'000; ++round) {
    etcdserverpb::PutRequest request;
    if (rng.Chance(9, 10)) request.set_key(std::string(rng.Below(5), 'k'));
    if (rng.Chance(2, 3)) request.set_value(std::string(rng.Below(9), 'v'));
    if (rng.Chance(1, 2)) request.set_lease(static_cast<std::int64_t>(rng.Next()));
    request.set_prev_kv(rng.Chance(1, 2));
    request.set_ignore_value(rng.Chance(1, 3));
    request.set_ignore_lease(rng.Chance(1, 3));
    std::string body = request.SerializeAsString();
    if (body.empty()) continue;
    const std::size_t at = rng.Below(body.size());
    body[at] = static_cast<char>(rng.Next());
    // Groups are left out: protobuf passes over them, and no encoder writes them.
    wire::Reader reader(body);
    while (reader.Next()) {
    }
    const auto type = static_cast<std::uint32_t>(reader.type());
    if (!reader.ok() && (type == 3 || type == 4)) continue;
    ExpectTheSame(body);
  }
}

}  // namespace
}  // namespace cairn::kv::test
