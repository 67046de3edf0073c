// The first bytes that a client sends: which protocol, and the head of an HTTP/1.1 request. However they are
// cut into pieces, the answer is that for the whole.
#include "kv/api/first_bytes.h"

#include "kv/api/http_request.h"
#include "raft/base/assert.h"
#include "tests/fuzz/target.h"

namespace cairn::fuzz {
namespace {

bool Run(std::string_view bytes) {
  using kv::api::Protocol;
  const Protocol whole = kv::api::ClassifyFirstBytes(bytes);
  if (bytes.size() >= kv::api::kFirstBytesNeeded)
    CAIRN_ASSERT(whole != Protocol::kNeedMore, "still in doubt");
  for (std::size_t length = 0; length <= std::min(bytes.size(), kv::api::kFirstBytesNeeded); ++length) {
    const Protocol part = kv::api::ClassifyFirstBytes(bytes.substr(0, length));
    if (part != Protocol::kNeedMore)
      CAIRN_ASSERT(part == whole, "settled after {} bytes, and differently", length);
  }

  const kv::api::HttpParsed parsed = kv::api::ParseHttpHead(bytes);
  const auto* head = std::get_if<kv::api::HttpHead>(&parsed);
  if (head == nullptr) return whole == Protocol::kHttp2;
  CAIRN_ASSERT(head->bytes <= bytes.size(), "a head of {} bytes in {}", head->bytes, bytes.size());
  CAIRN_ASSERT(head->bytes <= kv::api::kMaxHttpHeadBytes, "a head of {} bytes", head->bytes);
  CAIRN_ASSERT(head->request.body_bytes <= kv::api::kMaxHttpBodyBytes, "body={}", head->request.body_bytes);
  const kv::api::HttpParsed alone = kv::api::ParseHttpHead(bytes.substr(0, head->bytes));
  CAIRN_ASSERT(std::holds_alternative<kv::api::HttpHead>(alone), "the head alone is not a head");
  return true;
}

std::vector<std::string> Seeds() {
  return {
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "GET /health?serializable=true&exclude=NO%53PACE HTTP/1.1\r\nHost: localhost:2379\r\n\r\n",
      "POST /v3/kv/range HTTP/1.1\r\nContent-Length: 17\r\nConnection: close\r\n\r\n{\"key\": \"Zm9v\"}\r\n",
      "HEAD /metrics HTTP/1.0\r\nconnection: keep-alive\r\n\r\n",
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"};
}

}  // namespace

extern const Target kFirstBytes = {"first_bytes", Run, Seeds};

}  // namespace cairn::fuzz
