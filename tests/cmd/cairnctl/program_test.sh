#!/bin/bash
# What main() decides before any command runs. Argument: the program.
set -u
failed=0

# expect NAME EXPECTED GOT
expect() {
  if [[ "$2" != "$3" ]]; then
    echo "FAILED: $1: expected \"$2\", got \"$3\""
    failed=1
  fi
}

version=$("$1" version)
expect "version names the commit" 1 "$(grep -c '^Git commit: ' <<<"$version")"
expect "--version" "$version" "$("$1" --version)"
expect "--version behind a global flag" "$version" "$("$1" -w json --version)"
# Behind a command it is that command's business: a watch may run a command that has such a flag.
expect "--version of a command" "Error: unknown flag: --version" "$("$1" get --version 2>&1 | head -n 1)"
expect "--version behind dashes" 0 "$("$1" -- --version | grep -c '^Git commit: ')"
expect "--help wins" 1 "$("$1" --version --help | grep -c '^USAGE:')"
expect "endpoints from DNS" 4 "$("$1" get -d example.com key >/dev/null 2>&1; echo $?)"
full=$("$1" --help 2>&1 >/dev/full)
expect "--help on a full disk, its code" 1 $?
expect "--help on a full disk" "Error: cannot write to standard output: No space left on device" "$full"
exit $failed
