#include "raft/transport/peers.h"

#include <fmt/ranges.h>

#include <utility>

#include "raft/base/probe.h"
#include "raft/base/status.h"
#include "raft/transport/peer_url.h"
#include "raft/transport/sabotage.h"

namespace cairn::raft {
namespace {

// Calls that have come in, agreed or not; more are turned away until some are over.
constexpr std::size_t kMaxAccepted = 256;

// Of those, calls that have not introduced themselves. gRPC gathers a whole message before we see how long it
// is, so each of them can make us hold one of the longest. For one more, the oldest has to go: a member's
// first message comes with its call, and it gets in however many come that say nothing.
constexpr std::size_t kMaxStrangers = 16;

// Different sentences about strangers that are remembered so as not to repeat them.
constexpr std::size_t kMaxRemembered = 64;

}  // namespace

std::vector<std::string> Peers::TargetsOf(const PeerPort::Peer& peer) const {
  std::vector<PeerUrl> urls;
  for (const std::string& text : peer.urls) {
    absl::StatusOr<PeerUrl> url = ParsePeerUrl(text);
    if (url.ok()) {
      urls.push_back(*std::move(url));
    } else {
      environment_.Tell(Environment::Severity::kWarning,
                        fmt::format("member {:x}: {}", peer.id, MessageOf(url.status())));
    }
  }
  return DialTargets(urls);
}

void Peers::SetPeers(const std::vector<PeerPort::Peer>& peers) {
  std::map<NodeId, Member> next;
  for (const PeerPort::Peer& peer : peers) {
    if (peer.id == environment_.self.self) continue;
    next[peer.id] = {
        .link = nullptr, .targets = TargetsOf(peer), .incarnation = peer.incarnation, .introduced = {}};
  }
  {
    absl::MutexLock lock(&mu_);
    for (auto& [id, member] : next) {
      const auto old = members_.find(id);
      if (old != members_.end()) {
        member.link = old->second.link;
        member.introduced = old->second.introduced;
      } else {
        member.link = std::make_shared<PeerLink>(id, environment_);
      }
    }
    members_.swap(next);
  }
  loop_.Post([this] { Reconcile(); });
}

std::shared_ptr<PeerLink> Peers::Find(NodeId id) const {
  absl::MutexLock lock(&mu_);
  const auto member = members_.find(id);
  return member == members_.end() ? nullptr : member->second.link;
}

std::vector<std::shared_ptr<PeerLink>> Peers::Links() const {
  absl::MutexLock lock(&mu_);
  std::vector<std::shared_ptr<PeerLink>> links;
  links.reserve(members_.size());
  for (const auto& [id, member] : members_) links.push_back(member.link);
  return links;
}

std::vector<std::string> Peers::Targets(NodeId id) const {
  absl::MutexLock lock(&mu_);
  const auto member = members_.find(id);
  return member == members_.end() ? std::vector<std::string>() : member->second.targets;
}

absl::StatusOr<Peers::Member*> Peers::Recognise(const Hello& hello) {
  const auto found = members_.find(hello.member);
  KnownMember known{.is_peer = found != members_.end(), .incarnation = {}};
  if (known.is_peer) known.incarnation = found->second.known();
  CAIRN_RETURN_IF_ERROR(CheckHello(environment_.self, hello, known));
  return &found->second;
}

absl::StatusOr<std::shared_ptr<PeerLink>> Peers::Admit(const Hello& hello) {
  using From = TransportHooks::IncarnationFrom;
  From from = From::kMember;
  {
    absl::MutexLock lock(&mu_);
    CAIRN_ASSIGN_OR_RETURN(Member* const member, Recognise(hello));
    // Held against it even if it cannot be recorded: it may already be the one that we have counted.
    if (!member->introduced || member->introduced->incarnation != hello.incarnation) {
      member->introduced = {.incarnation = hello.incarnation};
    }
    if (member->introduced->recorded) return member->link;
    if (member->incarnation) from = From::kMembership;
  }
  if (environment_.hooks.record_incarnation) {
    CAIRN_RETURN_IF_ERROR(
        Annotate(environment_.hooks.record_incarnation(hello.member, hello.incarnation, from),
                 fmt::format("member {:x} cannot be let in: recording its incarnation", hello.member)));
  }
  absl::MutexLock lock(&mu_);
  CAIRN_ASSIGN_OR_RETURN(Member* const member,
                         Recognise(hello));  // The membership may have changed meanwhile.
  if (member->introduced && member->introduced->incarnation == hello.incarnation) {
    member->introduced->recorded = true;
  }
  return member->link;
}

void Peers::TellOfStranger(const std::string& reason) {
  strangers_.fetch_add(1, std::memory_order_relaxed);
  {
    absl::MutexLock lock(&mu_);
    if (told_of_strangers_.size() >= kMaxRemembered) told_of_strangers_.clear();
    if (!told_of_strangers_.insert(reason).second) return;
  }
  environment_.Tell(Environment::Severity::kWarning, "refused a stream: " + reason);
}

void Peers::TellOnce(NodeId id, const std::string& sentence) {
  std::string& last = told_[id];
  if (last == sentence) return;
  last = sentence;
  environment_.Tell(Environment::Severity::kWarning, sentence);
}

void Peers::Listen(Request request) {
  request_ = std::move(request);
  AcceptNext();
}

void Peers::AcceptNext() {
  if (closed_) return;
  Exchange::Accept(environment_, loop_, *this,
                   [this](grpc::ServerContext* context, AcceptedStream::Stream* stream, void* tag) {
                     request_(context, stream, tag);
                   });
}

void Peers::OnAccepted(const std::shared_ptr<Exchange>& exchange) {
  accepted_.insert(exchange);
  strangers_in_.push_back(exchange);
  if (closed_ || accepted_.size() > kMaxAccepted) exchange->Cancel();
  if (strangers_in_.size() > kMaxStrangers) {
    CAIRN_PROBE("peer_stranger_pushed_out");
    strangers_in_.front()->Cancel();
    strangers_in_.pop_front();
  }
  AcceptNext();
}

void Peers::OnIntroduced(const std::shared_ptr<Exchange>& exchange) { std::erase(strangers_in_, exchange); }

void Peers::OnAgreed(const std::shared_ptr<Exchange>& exchange, const std::shared_ptr<ByteStream>& replaced) {
  const NodeId id = exchange->link()->id();
  if (replaced != nullptr) {
    CAIRN_PROBE("peer_stream_replaced");
    replaced->Cancel();
  }
  // One with a link of before, if the peer was removed and added meanwhile. Nobody would end it any more.
  std::shared_ptr<Exchange>& current = agreed_[id];
  if (current != nullptr && current != exchange) current->Cancel();
  current = exchange;
  told_.erase(id);
  environment_.Tell(Environment::Severity::kInfo, fmt::format("connected to member {:x}", id));
}

void Peers::OnOver(const std::shared_ptr<Exchange>& exchange, bool broken) {
  accepted_.erase(exchange);
  std::erase(strangers_in_, exchange);
  if (exchange->refused() && exchange->link() != nullptr) exchange->link()->CountRefusal();
  if (!closed_) TellWhy(*exchange, broken);
  if (broken) {
    // The peer may have been removed, added and connected anew by then.
    const auto current = agreed_.find(exchange->link()->id());
    if (current != agreed_.end() && current->second == exchange) agreed_.erase(current);
    if (!closed_) AskWhetherItLives(exchange->link());
  }
  if (exchange->dialled()) {
    const auto dialer = dialers_.find(exchange->peer());
    if (dialer != dialers_.end()) dialer->second->OnOver(*exchange);
  }
}

void Peers::TellWhy(const Exchange& exchange, bool broken) {
  if (exchange.refused()) {
    if (!exchange.dialled()) return;  // Said when it was turned away.
    return TellOnce(exchange.peer(), exchange.reason());
  }
  if (broken) {
    const NodeId id = exchange.link()->id();
    return TellOnce(id, fmt::format("the stream with member {:x} broke: {}", id, exchange.reason()));
  }
  if (exchange.dialled() && dialers_.contains(exchange.peer())) {
    TellOnce(exchange.peer(), fmt::format("member {:x} does not answer at {}; still trying", exchange.peer(),
                                          fmt::join(Targets(exchange.peer()), " or ")));
  }
}

void Peers::AskWhetherItLives(const std::shared_ptr<PeerLink>& link) {
  const std::vector<std::string> targets = Targets(link->id());
  // A peer that still answers anywhere is not dead.
  auto refused_to_come = std::make_shared<std::size_t>(targets.size());
  for (const std::string& target : targets) {
    auto question = std::make_shared<std::shared_ptr<Reachability>>();
    *question = Reachability::Ask(environment_, loop_, target,
                                  [this, link, question, refused_to_come](Reachability::Answer answer) {
                                    questions_.erase(*question);
                                    if (Broken(TransportRule::kAskBeforeBroken))
                                      answer = Reachability::Answer::kRefused;
                                    if (answer != Reachability::Answer::kRefused || --*refused_to_come > 0)
                                      return;
                                    if (!closed_ && !link->connected())
                                      environment_.events->OnStreamBroken(link->id());
                                  });
    questions_.insert(*question);
  }
}

bool Peers::MayTalk(const Exchange& exchange) const {
  absl::MutexLock lock(&mu_);
  const auto member = members_.find(exchange.link()->id());
  if (member == members_.end() || member->second.link != exchange.link()) return false;
  const std::optional<Incarnation> known = member->second.known();
  return !known || known == exchange.incarnation();
}

void Peers::Reconcile() {
  if (closed_) return;
  for (const auto& [id, exchange] : agreed_) {
    if (!MayTalk(*exchange)) exchange->Cancel();
  }
  std::map<NodeId, std::vector<std::string>> to_dial;
  {
    absl::MutexLock lock(&mu_);
    for (const auto& [id, member] : members_) {
      if (environment_.self.self < id) to_dial[id] = member.targets;
    }
  }
  std::erase_if(dialers_, [&](const auto& dialer) { return !to_dial.contains(dialer.first); });
  for (auto& [id, targets] : to_dial) {
    std::unique_ptr<Dialer>& dialer = dialers_[id];
    if (dialer == nullptr) dialer = std::make_unique<Dialer>(environment_, loop_, *this, id);
    dialer->SetTargets(std::move(targets));
    dialer->AskAgain();
  }
}

void Peers::Close() {
  closed_ = true;
  dialers_.clear();  // Cancels what they have under way.
  for (const auto& exchange : accepted_) exchange->Cancel();
  for (const auto& question : questions_) question->Cancel();
}

}  // namespace cairn::raft
