#include "tests/kv/watch/test_client.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace cairn::kv {

std::string Describe(const etcdserverpb::WatchResponse& response) {
  std::string text = fmt::format("{}:", response.header().revision());
  if (response.created()) text += " created";
  if (response.canceled()) text += " canceled";
  if (response.compact_revision() != 0) text += fmt::format(" compacted={}", response.compact_revision());
  if (!response.cancel_reason().empty()) text += fmt::format(" \"{}\"", response.cancel_reason());
  for (const mvccpb::Event& event : response.events()) {
    text += event.type() == mvccpb::Event::PUT
                ? fmt::format(" PUT {}={}", event.kv().key(), event.kv().value())
                : fmt::format(" DELETE {}", event.kv().key());
    if (event.has_prev_kv()) text += fmt::format(" (was {})", event.prev_kv().value());
  }
  if (response.fragment()) text += " ...";
  return text;
}

void TestClient::Create(const WatchSpec& spec) {
  etcdserverpb::WatchRequest request;
  etcdserverpb::WatchCreateRequest& create = *request.mutable_create_request();
  create.set_key(spec.key);
  create.set_range_end(spec.range_end);
  create.set_start_revision(spec.start_revision);
  create.set_watch_id(spec.watch_id);
  create.set_prev_kv(spec.prev_kv);
  create.set_fragment(spec.fragment);
  create.set_progress_notify(spec.progress_notify);
  if (spec.no_put) create.add_filters(etcdserverpb::WatchCreateRequest::NOPUT);
  if (spec.no_delete) create.add_filters(etcdserverpb::WatchCreateRequest::NODELETE);
  stream_->Handle(request);
}

void TestClient::Cancel(std::int64_t watch_id) {
  etcdserverpb::WatchRequest request;
  request.mutable_cancel_request()->set_watch_id(watch_id);
  stream_->Handle(request);
}

void TestClient::RequestProgress() {
  etcdserverpb::WatchRequest request;
  request.mutable_progress_request();
  stream_->Handle(request);
}

etcdserverpb::WatchResponse TestClient::Created(const WatchSpec& spec) {
  Create(spec);
  const std::optional<etcdserverpb::WatchResponse> response = Take();
  EXPECT_TRUE(response && response->created());
  return response.value_or(etcdserverpb::WatchResponse());
}

std::optional<etcdserverpb::WatchResponse> TestClient::Take() {
  // A Take() that spent its budget calls `wake` before it returns; then there is more.
  while (true) {
    const int before = wakes_;
    const std::optional<EncodedMessage> message = stream_->Take();
    if (!message) {
      if (wakes_ != before) continue;
      return std::nullopt;
    }
    etcdserverpb::WatchResponse response;
    EXPECT_TRUE(response.ParseFromString(Flatten(*message)));
    return response;
  }
}

std::vector<std::string> TestClient::TakeAll() {
  std::vector<std::string> all;
  while (const std::optional<etcdserverpb::WatchResponse> response = Take())
    all.push_back(Describe(*response));
  return all;
}

}  // namespace cairn::kv
