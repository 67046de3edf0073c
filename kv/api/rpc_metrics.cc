#include "kv/api/rpc_metrics.h"

#include <algorithm>

namespace cairn::kv::api {

void RpcMetrics::Handled(MethodIndex method, absl::StatusCode code, std::chrono::nanoseconds duration) {
  Counters& counters = methods_[method];
  const auto number = static_cast<std::size_t>(code);
  Add(counters.handled[number < kCodes ? number : static_cast<std::size_t>(absl::StatusCode::kUnknown)]);
  const double seconds = std::chrono::duration<double>(duration).count();
  const auto bucket = std::lower_bound(kBuckets.begin(), kBuckets.end(), seconds) - kBuckets.begin();
  Add(counters.durations[static_cast<std::size_t>(bucket)]);
  Add(counters.nanoseconds, static_cast<std::uint64_t>(std::max<std::int64_t>(0, duration.count())));
}

RpcMetrics::PerMethod RpcMetrics::Read(MethodIndex method) const {
  const Counters& counters = methods_[method];
  PerMethod read;
  read.started = Get(counters.started);
  read.messages_received = Get(counters.messages_received);
  read.messages_sent = Get(counters.messages_sent);
  for (std::size_t i = 0; i < kCodes; ++i) read.handled[i] = Get(counters.handled[i]);
  for (std::size_t i = 0; i < read.durations.size(); ++i) read.durations[i] = Get(counters.durations[i]);
  read.seconds = static_cast<double>(Get(counters.nanoseconds)) / 1e9;
  return read;
}

RpcMetrics::VersionSlot* RpcMetrics::FindVersion(std::string_view version) {
  for (VersionSlot& slot : versions_) {
    int state = slot.state.load(std::memory_order_acquire);
    if (state == 0 && slot.state.compare_exchange_strong(state, 1, std::memory_order_acquire)) {
      version.copy(slot.text.data(), version.size());
      slot.length = version.size();
      slot.state.store(2, std::memory_order_release);
      return &slot;
    }
    if (state == 2 && slot.view() == version) return &slot;
    // Being written by another thread at this moment: if it is the same version, it gets a second slot, and
    // ReadClients() adds the two up.
  }
  return nullptr;
}

void RpcMetrics::CountClient(Shape shape, std::string_view version) {
  VersionSlot* slot = nullptr;
  const bool plain = std::all_of(version.begin(), version.end(),
                                 [](char c) { return (c >= '0' && c <= '9') || c == '.' || c == '-'; });
  if (!version.empty() && version.size() <= VersionSlot{}.text.size() && plain) slot = FindVersion(version);
  if (slot == nullptr) slot = &unknown_version_;
  Add(shape == Shape::kUnary ? slot->unary : slot->stream);
}

std::vector<RpcMetrics::ClientVersion> RpcMetrics::ReadClients() const {
  std::vector<ClientVersion> clients;
  clients.push_back({"unknown", Get(unknown_version_.unary), Get(unknown_version_.stream)});
  for (const VersionSlot& slot : versions_) {
    if (slot.state.load(std::memory_order_acquire) != 2) continue;
    const auto same = std::find_if(clients.begin(), clients.end(), [&](const ClientVersion& client) {
      return client.version == slot.view();
    });
    if (same == clients.end()) {
      clients.push_back({std::string(slot.view()), Get(slot.unary), Get(slot.stream)});
    } else {
      same->unary += Get(slot.unary);
      same->stream += Get(slot.stream);
    }
  }
  return clients;
}

}  // namespace cairn::kv::api
