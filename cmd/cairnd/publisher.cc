#include "cmd/cairnd/publisher.h"

#include <algorithm>
#include <string>
#include <utility>

#include "cairn/command.pb.h"
#include "kv/apply/kv_result.h"
#include "kv/model/command.h"

namespace cairn::node {
namespace {

constexpr std::chrono::milliseconds kRetryPause{500};

}  // namespace

absl::Status Publisher::Step(std::chrono::steady_clock::time_point now) {
  if (done_) return absl::OkStatus();
  {
    absl::MutexLock lock(&progress_->mu);
    if (!progress_->refused.ok()) return progress_->refused;
    if (progress_->waiting) return absl::OkStatus();
  }
  if (IsPublished()) {
    done_ = true;
    return absl::OkStatus();
  }
  if (retry_at_ && now < *retry_at_) return absl::OkStatus();
  retry_at_ = now + kRetryPause;
  Propose();
  return absl::OkStatus();
}

bool Publisher::IsPublished() const {
  const std::shared_ptr<const kv::Members> members = members_();
  const auto found = std::find_if(members->members.begin(), members->members.end(),
                                  [&](const kv::MemberInfo& member) { return member.id == self_.id; });
  return found != members->members.end() && found->name == self_.name &&
         found->client_urls == self_.client_urls && found->peer_urls == self_.peer_urls &&
         found->incarnation == self_.incarnation;
}

void Publisher::Propose() {
  kv::v1::PublishMember body;
  body.set_member_id(self_.id.value());
  body.set_name(self_.name);
  for (const std::string& url : self_.client_urls) body.add_client_urls(url);
  for (const std::string& url : self_.peer_urls) body.add_peer_urls(url);
  body.set_incarnation(self_.incarnation->value());
  {
    absl::MutexLock lock(&progress_->mu);
    progress_->waiting = true;
  }
  group_.Propose(kv::EncodeCommand(kv::CommandKind::kPublishMember, body.SerializeAsString()),
                 [progress = progress_](absl::StatusOr<std::unique_ptr<raft::ApplyResult>> result) {
                   absl::MutexLock lock(&progress->mu);
                   progress->waiting = false;
                   // An error of Raft's (no leader, lost) passes: Step() looks and tries again.
                   if (result.ok()) progress->refused = static_cast<const kv::KvResult&>(**result).status;
                 });
}

}  // namespace cairn::node
