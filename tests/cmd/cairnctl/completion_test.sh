#!/bin/bash
# Loads what `cairnctl completion bash` prints into this shell and asks it as bash would. Argument: the program.
set -u
source <("$1" completion bash)
failed=0

# expect "words so far" "offers": the last word is the one under the cursor; an empty one is written as @.
expect() {
  read -ra COMP_WORDS <<<"$1"
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  [[ "${COMP_WORDS[COMP_CWORD]}" == "@" ]] && COMP_WORDS[COMP_CWORD]=""
  COMPREPLY=()
  __cairnctl
  local got
  got=$(printf '%s\n' "${COMPREPLY[@]}" | sort | xargs)
  if [[ "$got" != "$2" ]]; then
    echo "FAILED: \"$1\": expected \"$2\", got \"$got\""
    failed=1
  fi
}

expect "cairnctl en" "endpoint"
expect "cairnctl endpoint @" "hashkv health status"
expect "cairnctl -w json endpoint st" "status"
expect "cairnctl endpoint status --cl" "--cluster"
expect "cairnctl get --so" "--sort-by"
expect "cairnctl get --sort-by V" "VALUE VERSION"
expect "cairnctl get --sort-by = V" "VALUE VERSION"
expect "cairnctl get -w @" "fields json protobuf simple table"
expect "cairnctl completion @" "bash"
expect "cairnctl get some-key @" ""
expect "cairnctl put --ignore" "--ignore-lease --ignore-value"
expect "cairnctl --endpoi" "--endpoints"
exit $failed
