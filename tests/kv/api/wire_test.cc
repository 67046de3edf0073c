#include "kv/api/wire.h"

#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <string>

#include "etcd/rpc.pb.h"
#include "kv/api/range_chunks.h"
#include "raft/base/rng.h"

namespace cairn::kv::api {
namespace {

std::string Flat(const grpc::ByteBuffer& buffer) { return std::string(Contiguous(buffer).bytes()); }

std::string Flat(const EncodedMessage& message) {
  std::string bytes;
  for (const Bytes& piece : message) bytes.append(piece.view);
  return bytes;
}

TEST(Wire, HeaderIsWhatProtobufWouldWrite) {
  const std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  const std::int64_t most_signed = std::numeric_limits<std::int64_t>::max();
  for (const HeaderFields fields :
       {HeaderFields{}, HeaderFields{1, 2, 3, 4}, HeaderFields{most, most, most_signed, most},
        HeaderFields{most, most, -1, most}, HeaderFields{128, 127, 16384, 0}}) {
    etcdserverpb::PutResponse expected;
    expected.mutable_header()->set_cluster_id(fields.cluster_id);
    expected.mutable_header()->set_member_id(fields.member_id);
    expected.mutable_header()->set_revision(fields.revision);
    expected.mutable_header()->set_raft_term(fields.raft_term);
    EXPECT_EQ(EncodeHeader(fields), expected.SerializeAsString());
    EXPECT_EQ(Flat(EncodeResponse(fields, {})), expected.SerializeAsString());
  }
}

TEST(Wire, PiecesOfAllSizesKeepTheirOrder) {
  Rng rng(3);
  for (int round = 0; round < 300; ++round) {
    EncodedMessage body;
    std::string expected = EncodeHeader({1, 2, 3, 4});
    for (std::uint64_t n = rng.Below(6); n > 0; --n) {
      const std::size_t size = rng.Chance(1, 3) ? 2000 + rng.Below(5000) : rng.Below(100);
      std::string piece(size, static_cast<char>('a' + rng.Below(26)));
      expected += piece;
      body.push_back(Bytes::Own(std::move(piece)));
    }
    EXPECT_EQ(Flat(EncodeResponse({1, 2, 3, 4}, body)), expected);
  }
}

TEST(Wire, LargePiecesAreReferencedUntilTheyHaveBeenSent) {
  const auto bytes = std::make_shared<const std::string>(100'000, 'x');
  EncodedMessage body = {{.owner = bytes, .view = *bytes}};
  auto buffer = std::make_unique<grpc::ByteBuffer>(EncodeResponse({1, 2, 3, 4}, body));
  body.clear();
  EXPECT_EQ(bytes.use_count(), 2);
  std::vector<grpc::Slice> slices;
  ASSERT_TRUE(buffer->Dump(&slices).ok());
  ASSERT_EQ(slices.size(), 2U);
  EXPECT_EQ(reinterpret_cast<const char*>(slices[1].begin()), bytes->data());
  slices.clear();
  buffer.reset();
  EXPECT_EQ(bytes.use_count(), 1);
}

TEST(Wire, ReceivedPiecesBecomeContiguous) {
  const std::array<grpc::Slice, 2> slices = {grpc::Slice(std::string(5000, 'a')),
                                             grpc::Slice(std::string(10, 'b'))};
  EXPECT_EQ(Contiguous(grpc::ByteBuffer(slices.data(), 2)).bytes(),
            std::string(5000, 'a') + std::string(10, 'b'));
  EXPECT_EQ(Contiguous(grpc::ByteBuffer(slices.data(), 1)).bytes().data(),
            reinterpret_cast<const char*>(slices[0].begin()));
  EXPECT_TRUE(Contiguous(grpc::ByteBuffer()).bytes().empty());
}

// The body of a RangeResponse cut into pieces at arbitrary places.
EncodedMessage CutAtRandom(const std::string& bytes, Rng& rng) {
  EncodedMessage pieces;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t size = std::min<std::size_t>(rng.Below(40), bytes.size() - at);
    pieces.push_back(Bytes::Own(bytes.substr(at, size)));  // Sometimes empty.
    at += size;
  }
  return pieces;
}

TEST(RangeChunks, TogetherAreTheAnswerAndEachHoldsWholeKeyValues) {
  Rng rng(11);
  for (int round = 0; round < 200; ++round) {
    etcdserverpb::RangeResponse response;
    for (std::uint64_t n = rng.Below(20); n > 0; --n) {
      response.add_kvs()->set_value(std::string(rng.Below(300), 'v'));
    }
    response.set_count(response.kvs_size());
    response.set_more(rng.Chance(1, 2));
    RangeChunks chunks(CutAtRandom(response.SerializeAsString(), rng), 200);
    etcdserverpb::RangeResponse merged;
    while (const auto chunk = chunks.Next()) {
      etcdserverpb::RangeResponse part;
      ASSERT_TRUE(part.ParseFromString(Flat(*chunk)));
      ASSERT_GT(part.kvs_size(), 0);
      ASSERT_EQ(part.count(), 0);
      merged.MergeFrom(part);
    }
    ASSERT_TRUE(merged.MergeFromString(Flat(chunks.Rest())));
    EXPECT_EQ(merged.SerializeAsString(), response.SerializeAsString());
  }
}

}  // namespace
}  // namespace cairn::kv::api
