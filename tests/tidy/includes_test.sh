#!/bin/bash
# The arrows of the tree (cmd -> kv -> raft, and inside raft towards core) as rules about #include lines. The compiler does
# not keep them: the include path is common to all. Argument: the root of the sources.
set -u

readonly EFFECTS='<(thread|mutex|shared_mutex|condition_variable|future|chrono|ctime|random|fstream|iostream)>'
readonly LIBRARIES='[<"](grpc|grpcpp|google/protobuf|rocksdb|spdlog|prometheus|absl/synchronization|absl/time)/'

# rule FOLDERS PATTERN WHY: prints every #include in the folders (words, below the root) that the pattern finds.
rule() {
  local folder lines
  for folder in $1; do
    if [ ! -d "$root/$folder" ]; then
      echo "$folder: there is no such folder; the rule '$3' watches nothing"
      continue
    fi
    lines=$(cd "$root" && grep -rnE --include='*.h' --include='*.cc' "^[[:space:]]*#[[:space:]]*include[[:space:]]*$2" "$folder")
    [ -n "$lines" ] && sed "s|\$|    <- $3|" <<<"$lines"
  done
}

rules() {
  rule "raft/core raft/base" "$EFFECTS" "the core is a function of its inputs: no thread, clock, chance or file"
  rule "raft/core raft/base" "$LIBRARIES" "the core has no gRPC, RocksDB, logger, lock or clock"
  rule "raft/core raft/base" '"(raft/(log|transport|replica)|kv|cmd|proto|etcd|cairn)/' "the core is what the others stand on"
  rule "raft/base" '"raft/core/' "base knows no Raft"
  rule "raft/log" '"raft/(transport|replica)/' "the log is driven by the replica"
  rule "raft" '"(kv|cmd|tests)/' "raft replicates opaque bytes"
  rule "kv" '"(cmd|tests)/' "kv is a library"
  rule "cmd" '"tests/' "programs do not need tests"
}

root=$1
broken=$(rules)
if [ -n "$broken" ]; then
  echo "$broken"
  exit 1
fi

# A rule that can find nothing passes as well. So each has to notice a tree where it is broken.
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
plant() { mkdir -p "$root/$(dirname "$1")" && echo "$2" >>"$root/$1"; }
plant raft/core/a.cc '#include <mutex>'
plant raft/base/a.h '  #  include "grpcpp/alarm.h"'
plant raft/core/b.h '#include "raft/replica/ports.h"'
plant raft/base/b.h '#include "raft/core/entry.h"'
plant raft/log/a.cc '#include "raft/transport/frame.h"'
plant raft/transport/a.cc '#include "kv/model/command.h"'
plant kv/store/a.h '#include "cmd/cairnd/flags.h"'
plant cmd/cairnd/a.cc '#include "tests/sim/sim_disk.h"'
noticed=$(rules | grep -c -- '<-')
if [ "$noticed" -ne 8 ]; then
  echo "of 8 broken includes planted in an empty tree, $noticed were noticed:"
  rules
  exit 1
fi
