#pragma once

#include <string>
#include <string_view>

#include "raft/replica/ports.h"
#include "raft/transport/greeting.h"
#include "raft/transport/transport.h"

namespace cairn::raft {

// What all parts of one transport share. Filled in before the first thread starts and constant from then on;
// outlives all parts.
struct Environment {
  TransportOptions options;
  TransportHooks hooks;
  Identity self;
  ReplicaEvents* events = nullptr;  // Null before Start().

  using Severity = TransportHooks::Severity;
  void Tell(Severity severity, std::string_view sentence) const {
    if (hooks.notice) hooks.notice(severity, sentence);
  }
};

// What another process sent as text, made fit for a log: printable, one line, not long.
std::string Printable(std::string_view text);

}  // namespace cairn::raft
