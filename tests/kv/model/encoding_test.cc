// What is encoded by hand is what protobuf makes of the same fields.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <utility>

#include "etcd/kv.pb.h"
#include "etcd/rpc.pb.h"
#include "kv/model/command.h"
#include "kv/model/key_value.h"
#include "kv/model/message_writer.h"
#include "kv/model/range.h"
#include "kv/model/wire.h"
#include "raft/base/rng.h"

namespace cairn::kv {
namespace {

std::int64_t RandomNumber(Rng& rng) {
  const std::uint64_t bits = rng.Below(65);
  return bits == 0 ? 0 : static_cast<std::int64_t>(rng.Next() >> (64 - bits));
}
std::string RandomBytes(Rng& rng) {
  std::string out(rng.Below(rng.Chance(1, 10) ? 300 : 20), '\0');
  for (char& c : out) c = static_cast<char>(rng.Next());
  return out;
}

TEST(KeyValue, EncodesAndDecodesLikeProtobuf) {
  Rng rng(3);
  for (int i = 0; i < 2000; ++i) {
    mvccpb::KeyValue message;
    message.set_key(RandomBytes(rng));
    message.set_value(RandomBytes(rng));
    message.set_create_revision(RandomNumber(rng));
    message.set_mod_revision(RandomNumber(rng));
    message.set_version(RandomNumber(rng));
    message.set_lease(RandomNumber(rng));
    const KeyValueView view{.key = message.key(),
                            .value = message.value(),
                            .create = Revision{message.create_revision()},
                            .mod = Revision{message.mod_revision()},
                            .version = message.version(),
                            .lease = LeaseId{message.lease()}};
    std::string encoded;
    AppendKeyValue(encoded, view);
    ASSERT_EQ(encoded, message.SerializeAsString());
    ASSERT_EQ(KeyValueSize(view), encoded.size());
    ASSERT_EQ(DecodeKeyValue(encoded), view);
  }
}

TEST(KeyValue, DecodingGarbageNeverReadsOutsideAndAgreesWithProtobufWhenItSucceeds) {
  Rng rng(4);
  for (int i = 0; i < 20'000; ++i) {
    const std::string bytes = RandomBytes(rng);
    const auto view = DecodeKeyValue(bytes);
    if (!view) continue;
    mvccpb::KeyValue message;
    ASSERT_TRUE(message.ParseFromString(bytes));
    EXPECT_EQ(message.key(), view->key);
    EXPECT_EQ(message.value(), view->value);
    EXPECT_EQ(message.version(), view->version);
  }
}

TEST(KeyValue, ATagThatIsLongerThanItNeedsToBeIsTakenAsFarAsProtobufTakesIt) {
  for (std::size_t bytes = 1; bytes <= 8; ++bytes) {
    std::string encoded(1, '\x20');  // The version, field 4.
    for (std::size_t i = 1; i < bytes; ++i) {
      encoded.back() = static_cast<char>(encoded.back() | '\x80');
      encoded.push_back('\0');
    }
    encoded.push_back(7);
    mvccpb::KeyValue message;
    const auto view = DecodeKeyValue(encoded);
    EXPECT_EQ(view.has_value(), message.ParseFromString(encoded)) << bytes << " bytes";
    if (view) {
      EXPECT_EQ(view->version, 7);
    }
  }
}

TEST(KeyValue, EveryTruncationIsRefusedOrShorter) {
  std::string encoded;
  AppendKeyValue(encoded, {.key = "key", .value = "value", .create = Revision{1}, .mod = Revision{300}});
  for (std::size_t cut = 0; cut < encoded.size(); ++cut) {
    const auto view = DecodeKeyValue(std::string_view(encoded).substr(0, cut));
    if (view) {
      EXPECT_NE(view->value, "value");
    }
  }
}

TEST(MessageWriter, PiecesTogetherAreTheMessage) {
  etcdserverpb::RangeResponse expected;
  MessageWriter out(100);
  MessageWriter nested(100);
  for (const std::size_t size : {10, 90, 200, 5000, 1}) {
    auto& kv = *expected.add_kvs();
    kv.set_value(std::string(size, 'x'));
    out.Message(2, Bytes::Own(kv.SerializeAsString()));
  }
  expected.set_more(true);
  expected.set_count(-1);
  out.Int(3, 1);
  out.Int(4, -1);
  const std::size_t bytes = out.bytes();
  etcdserverpb::ResponseOp op;
  *op.mutable_response_range() = expected;
  nested.Message(1, std::move(out));
  EXPECT_EQ(bytes, expected.ByteSizeLong());
  const std::size_t nested_bytes = nested.bytes();
  const EncodedMessage message = std::move(nested).Finish();
  EXPECT_EQ(Flatten(message), op.SerializeAsString());
  EXPECT_EQ(nested_bytes, op.ByteSizeLong());
  EXPECT_EQ(message.size(), 6U) << "header, text, large, text, large, text";
}

TEST(Command, CarriesKindVersionAndBody) {
  const Payload payload = EncodeCommand(CommandKind::kTxn, "body");
  const auto command = DecodeCommand(payload.bytes());
  ASSERT_TRUE(command.ok());
  EXPECT_EQ(command->kind, CommandKind::kTxn);
  EXPECT_EQ(command->version, 1);
  EXPECT_EQ(command->body, "body");
  EXPECT_FALSE(DecodeCommand("x").ok());
}

// The numbers are in the logs of every member: kind, version, and then the request as it came.
TEST(Command, HeadersAreThoseOfTheGoldenFile) {
  std::string headers;
  for (const auto& [name, kind] :
       {std::pair("put", CommandKind::kPut), std::pair("delete_range", CommandKind::kDeleteRange),
        std::pair("txn", CommandKind::kTxn), std::pair("compact", CommandKind::kCompact),
        std::pair("publish_member", CommandKind::kPublishMember)}) {
    headers += name;
    headers += ' ';
    const Payload command = EncodeCommand(kind, "body");
    for (const char byte : command.bytes()) {
      headers += fmt::format("{:02x}", static_cast<std::uint8_t>(byte));
    }
    headers += '\n';
  }
  const std::string path = fmt::format("{}/tests/kv/model/golden/commands.txt", CAIRN_SOURCE_DIR);
  if (std::getenv("CAIRN_REWRITE_GOLDEN") != nullptr) {  // NOLINT(concurrency-mt-unsafe): one thread.
    std::ofstream(path) << headers;
  }
  std::stringstream golden;
  golden << std::ifstream(path).rdbuf();
  EXPECT_EQ(headers, golden.str()) << "kv/model/README.md draws it; a number is never used again";
}

TEST(KeyRange, FollowsEtcdsConventions) {
  EXPECT_TRUE(KeyRange::FromRequest("a", "").IsSingle());
  EXPECT_TRUE(KeyRange::FromRequest("a", std::string_view("\0", 1)).unbounded);
  EXPECT_FALSE(KeyRange::FromRequest("a", std::string_view("\0\0", 2)).unbounded);
  EXPECT_TRUE(KeyRange::FromRequest("b", "a").IsEmpty());
}

}  // namespace
}  // namespace cairn::kv
