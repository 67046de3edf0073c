#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/status/statusor.h>
#include <absl/synchronization/mutex.h>

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "raft/transport/dialer.h"
#include "raft/transport/environment.h"
#include "raft/transport/exchange.h"
#include "raft/transport/peer_link.h"
#include "raft/transport/reachability.h"

namespace cairn::raft {

// The other members: who they are, a link to each, and the streams under way. Decides who is let in, who is
// dialled, and what a broken stream means. The methods of ExchangeHost and those that say so run on the
// loop's thread.
class Peers final : public ExchangeHost {
 public:
  using Request = std::function<void(grpc::ServerContext*, AcceptedStream::Stream*, void* tag)>;

  Peers(const Environment& environment, CompletionLoop& loop) : environment_(environment), loop_(loop) {}

  // Any thread.
  void SetPeers(const std::vector<PeerPort::Peer>& peers) ABSL_LOCKS_EXCLUDED(mu_);
  [[nodiscard]] std::shared_ptr<PeerLink> Find(NodeId id) const ABSL_LOCKS_EXCLUDED(mu_);
  [[nodiscard]] std::vector<std::shared_ptr<PeerLink>> Links() const ABSL_LOCKS_EXCLUDED(mu_);
  [[nodiscard]] std::vector<std::string> Targets(NodeId id) const ABSL_LOCKS_EXCLUDED(mu_);
  [[nodiscard]] std::uint64_t strangers() const { return strangers_.load(std::memory_order_relaxed); }

  // Any thread: snapshot streams ask, too. Has the incarnation of a member recorded the first time, which may
  // wait for the disk.
  absl::StatusOr<std::shared_ptr<PeerLink>> Admit(const Hello& hello) override ABSL_LOCKS_EXCLUDED(mu_);

  // Tells a person of somebody who was turned away, unless the same was said lately. Any thread.
  void TellOfStranger(const std::string& reason) ABSL_LOCKS_EXCLUDED(mu_);

  // Loop's thread. Waits for calls of Exchange, with `request` for each.
  void Listen(Request request);

  // Loop's thread. Cancels everything; nothing new begins.
  void Close();

 private:
  struct Introduced {
    Incarnation incarnation;
    bool recorded = false;  // TransportHooks::record_incarnation said OK.
  };
  struct Member {
    std::shared_ptr<PeerLink> link;
    std::vector<std::string> targets;
    std::optional<Incarnation> incarnation;  // From the membership,
    std::optional<Introduced> introduced;    // or, until it has one, the first that was seen.
    [[nodiscard]] std::optional<Incarnation> known() const {
      if (incarnation || !introduced) return incarnation;
      return introduced->incarnation;
    }
  };

  void OnAccepted(const std::shared_ptr<Exchange>& exchange) override;
  void OnIntroduced(const std::shared_ptr<Exchange>& exchange) override;
  void OnAgreed(const std::shared_ptr<Exchange>& exchange,
                const std::shared_ptr<ByteStream>& replaced) override;
  void OnTurnedAway(const std::string& reason) override { TellOfStranger(reason); }
  void OnOver(const std::shared_ptr<Exchange>& exchange, bool broken) override;

  void AcceptNext();
  // Who sent it, or why we do not talk to it.
  absl::StatusOr<Member*> Recognise(const Hello& hello) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Brings streams and dialers in line with the members.
  void Reconcile() ABSL_LOCKS_EXCLUDED(mu_);
  void AskWhetherItLives(const std::shared_ptr<PeerLink>& link);
  // Of a member, once until it is connected again.
  void TellOnce(NodeId id, const std::string& sentence);
  void TellWhy(const Exchange& exchange, bool broken);
  [[nodiscard]] bool MayTalk(const Exchange& exchange) const ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<std::string> TargetsOf(const PeerPort::Peer& peer) const;

  const Environment& environment_;
  CompletionLoop& loop_;
  std::atomic<std::uint64_t> strangers_{0};

  mutable absl::Mutex mu_;
  std::map<NodeId, Member> members_ ABSL_GUARDED_BY(mu_);
  std::set<std::string> told_of_strangers_ ABSL_GUARDED_BY(mu_);

  // Loop's thread only.
  Request request_;
  bool closed_ = false;
  std::map<NodeId, std::unique_ptr<Dialer>> dialers_;
  std::set<std::shared_ptr<Exchange>> accepted_;        // Calls that came in and are not over.
  std::deque<std::shared_ptr<Exchange>> strangers_in_;  // Those that are not introduced, oldest first.
  std::map<NodeId, std::shared_ptr<Exchange>> agreed_;  // The stream of each peer that has one.
  std::set<std::shared_ptr<Reachability>> questions_;
  std::map<NodeId, std::string> told_;  // The last thing said about a member that is not connected.
};

}  // namespace cairn::raft
