#include "kv/store/range_query.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "etcd/rpc.pb.h"
#include "kv/model/errors.h"
#include "kv/model/key_value.h"
#include "kv/model/range.h"
#include "kv/model/wire.h"
#include "kv/store/range_iterator.h"
#include "raft/base/status.h"

namespace cairn::kv {
namespace {

using etcdserverpb::RangeRequest;

// Numbers of RangeResponse's fields.
constexpr std::uint32_t kKvs = 2;
constexpr std::uint32_t kMore = 3;
constexpr std::uint32_t kCount = 4;
constexpr std::uint32_t kHeaderRevision = 3;  // Of ResponseHeader.

absl::Status TooLarge(std::size_t max_bytes) {
  return absl::ResourceExhaustedError(fmt::format(
      "etcdserver: the answer exceeds {} bytes: ask for fewer keys with limit, or for parts of the range",
      max_bytes));
}

bool HasFilter(const RangeRequest& request) {
  return request.min_mod_revision() != 0 || request.max_mod_revision() != 0 ||
         request.min_create_revision() != 0 || request.max_create_revision() != 0;
}

bool Passes(const RangeRequest& request, const VersionInfo& info) {
  const auto within = [](Revision revision, std::int64_t min, std::int64_t max) {
    return (min == 0 || revision.value() >= min) && (max == 0 || revision.value() <= max);
  };
  return within(info.id.main, request.min_mod_revision(), request.max_mod_revision()) &&
         within(info.create, request.min_create_revision(), request.max_create_revision());
}

// One range being answered.
class RangeQuery {
 public:
  RangeQuery(const View& view, const RangeRequest& request, RevisionId at, const RangeLimits& limits,
             MessageWriter& out)
      : view_(view),
        request_(request),
        at_(at),
        max_bytes_(limits.max_bytes),
        budget_(limits.budget),
        out_(out),
        limit_(request.limit() > 0 ? static_cast<std::uint64_t>(request.limit()) : 0) {}

  absl::Status Run() {
    const bool by_key = request_.sort_target() == RangeRequest::KEY;
    absl::Status status;
    if (request_.count_only()) {
      status = ForEach([](std::string_view, const VersionInfo&) { return absl::OkStatus(); });
    } else if (by_key && request_.sort_order() != RangeRequest::DESCEND) {
      status = RunInKeyOrder();
    } else {
      status = RunSorted();
    }
    CAIRN_RETURN_IF_ERROR(status);
    out_.Int(kMore, more_ ? 1 : 0);
    out_.Int(kCount, static_cast<std::int64_t>(count_));
    return absl::OkStatus();
  }

 private:
  // What a sorted answer remembers of a key until all have been seen.
  struct Candidate {
    std::string key;
    VersionInfo info;
    std::string value;  // Only if sorted by it.

    [[nodiscard]] std::size_t bytes() const { return sizeof(Candidate) + key.size() + value.size(); }
  };

  // Calls `take(key, info)` for every key of the range at the moment, counting them.
  template <typename Take>
  absl::Status ForEach(Take&& take) {
    const KeyRange range = KeyRange::FromRequest(request_.key(), request_.range_end());
    if (request_.range_end().empty()) {
      if (!budget_.MaybeTakeOne()) return errors::TooMuchForNow();
      CAIRN_ASSIGN_OR_RETURN(const std::optional<VersionInfo> info, view_.Lookup(range.begin, at_));
      if (!info) return absl::OkStatus();
      ++count_;
      return take(range.begin, *info);
    }
    RangeIterator it(view_, range, at_, budget_);
    for (; it.Valid(); it.Next()) {
      ++count_;
      CAIRN_RETURN_IF_ERROR(take(it.key(), it.info()));
    }
    return it.status();
  }

  absl::Status RunInKeyOrder() {
    std::uint64_t taken = 0;
    return ForEach([this, &taken](std::string_view key, const VersionInfo& info) {
      if (!Passes(request_, info)) return absl::OkStatus();
      if (limit_ > 0 && taken == limit_) {
        more_ = true;  // The walk goes on all the same: `count` is of the whole range.
        return absl::OkStatus();
      }
      ++taken;
      return Append(key, info);
    });
  }

  absl::Status RunSorted() {
    // Without an order, etcd sorts only what the limit let through in key order, and one more.
    const bool sorts_all = request_.sort_order() != RangeRequest::NONE || HasFilter(request_) || limit_ == 0;
    const auto before = [this](const Candidate& a, const Candidate& b) { return Before(a, b); };
    std::vector<Candidate> best;  // A heap whose front is the worst, once it has `limit_` members.
    std::uint64_t seen = 0;
    std::size_t bytes = 0;
    CAIRN_RETURN_IF_ERROR(ForEach([&](std::string_view key, const VersionInfo& info) -> absl::Status {
      if (!Passes(request_, info)) return absl::OkStatus();
      if (!sorts_all && seen > limit_) return absl::OkStatus();
      ++seen;
      Candidate candidate{.key = std::string(key), .info = info, .value = {}};
      if (request_.sort_target() == RangeRequest::VALUE) {
        CAIRN_ASSIGN_OR_RETURN(candidate.value, ValueOf(info));
      }
      if (limit_ > 0 && best.size() == limit_) {
        if (!before(candidate, best.front())) return absl::OkStatus();
        std::pop_heap(best.begin(), best.end(), before);
        bytes -= best.back().bytes();
        best.pop_back();
      }
      bytes += candidate.bytes();
      best.push_back(std::move(candidate));
      if (limit_ > 0) std::push_heap(best.begin(), best.end(), before);
      return bytes > max_bytes_ ? TooLarge(max_bytes_) : absl::OkStatus();
    }));
    std::sort(best.begin(), best.end(), before);
    more_ = limit_ > 0 && seen > limit_;
    for (const Candidate& candidate : best) {
      if (budget_.IsAbandoned()) return errors::TooMuchForNow();
      CAIRN_RETURN_IF_ERROR(Append(candidate.key, candidate.info));
    }
    return absl::OkStatus();
  }

  // The order asked for; equals go by key, so that every member gives the same answer.
  [[nodiscard]] bool Before(const Candidate& a, const Candidate& b) const {
    const std::strong_ordering order = Compare(a, b);
    if (order == 0) return a.key < b.key;
    return request_.sort_order() == RangeRequest::DESCEND ? order > 0 : order < 0;
  }
  [[nodiscard]] std::strong_ordering Compare(const Candidate& a, const Candidate& b) const {
    switch (request_.sort_target()) {
      case RangeRequest::VERSION:
        return a.info.version <=> b.info.version;
      case RangeRequest::CREATE:
        return a.info.create <=> b.info.create;
      case RangeRequest::MOD:
        return a.info.id.main <=> b.info.id.main;
      case RangeRequest::VALUE:
        return a.value <=> b.value;
      default:
        return a.key <=> b.key;
    }
  }

  absl::StatusOr<std::string> ValueOf(const VersionInfo& info) const {
    CAIRN_ASSIGN_OR_RETURN(const FoundRecord record, view_.RecordOf(info));
    const std::optional<KeyValueView> kv = DecodeKeyValue(record.bytes());
    if (!kv)
      return absl::DataLossError(fmt::format("store: the record {} is not a key and value", info.id.main));
    return std::string(kv->value);
  }

  absl::Status Append(std::string_view key, const VersionInfo& info) {
    if (request_.keys_only()) {
      std::string encoded;
      AppendKeyValue(encoded, {.key = key,
                               .value = {},
                               .create = info.create,
                               .mod = info.id.main,
                               .version = info.version,
                               .lease = info.lease});
      out_.Message(kKvs, encoded);
    } else {
      CAIRN_ASSIGN_OR_RETURN(FoundRecord record, view_.RecordOf(info));
      if (out_.bytes() + record.bytes().size() > max_bytes_) return TooLarge(max_bytes_);
      if (record.bytes().size() < out_.pin_bytes()) {
        out_.Message(kKvs, record.bytes());
      } else {
        out_.Message(kKvs, std::move(record).Share(view_.generation()));
      }
    }
    return out_.bytes() > max_bytes_ ? TooLarge(max_bytes_) : absl::OkStatus();
  }

  const View& view_;
  const RangeRequest& request_;
  const RevisionId at_;
  const std::size_t max_bytes_;
  KeyBudget& budget_;
  MessageWriter& out_;
  const std::uint64_t limit_;  // 0: none.
  std::uint64_t count_ = 0;
  bool more_ = false;
};

}  // namespace

absl::Status CheckReadable(Revision revision, Revision current, Revision compacted) {
  if (revision.value() == 0) return absl::OkStatus();
  if (revision > current) return errors::FutureRevision();
  if (revision < compacted) return errors::Compacted();
  return absl::OkStatus();
}

absl::Status AppendRange(const View& view, const RangeRequest& request, RevisionId now,
                         const RangeLimits& limits, MessageWriter& out) {
  const RevisionId at = request.revision() > 0 ? schema::EndOf(Revision{request.revision()}) : now;
  return RangeQuery(view, request, at, limits, out).Run();
}

std::string InnerHeader(Revision revision) {
  std::string header;
  wire::AppendInt(header, kHeaderRevision, revision.value());
  return header;
}

}  // namespace cairn::kv
