#!/usr/bin/env python3
"""Runs the same commands through etcdctl and cairnctl and compares what they print, byte for byte.

    cairnctl_vs_etcdctl.py --cairnctl build/release/bin/cairnctl [--endpoints 127.0.0.1:2379,...] [--server etcd]

Without --endpoints it starts a server of its own (--server: an etcd, or anything that takes its flags) on loopback. Each client
works under a prefix of its own of equal length, so both start from nothing; what differs by nature is masked in both outputs:
the prefix, revisions and raft indexes that moved on between the two runs, durations, sizes and hashes. Standard error is compared
by its "Error:" lines. Exit codes must be equal. Give one endpoint, for headers name the node that answered.

A watch is read until the last event of the history that it was asked for, or to its own end where it is to be refused; what does
not come within 20 s, and a watch that prints nothing, counts as different.

Ends with 0 if all are equal, 1 if not, 77 (skipped) if etcdctl is not installed. Python's standard library only.
"""

import argparse
import base64
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from cluster import dies_with_parent

SKIPPED = 77
TIMEOUT = 20


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """One node on loopback, with a data directory that goes away."""

    def __init__(self, binary):
        self.directory = tempfile.mkdtemp(prefix="cairnctl-vs-")
        client, peer = free_port(), free_port()
        self.endpoint = f"127.0.0.1:{client}"
        self.log = open(os.path.join(self.directory, "log"), "wb")
        self.process = subprocess.Popen(
            [binary, "--name", "n1", "--data-dir", os.path.join(self.directory, "data"),
             "--listen-client-urls", f"http://{self.endpoint}", "--advertise-client-urls", f"http://{self.endpoint}",
             "--listen-peer-urls", f"http://127.0.0.1:{peer}", "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
             "--initial-cluster", f"n1=http://127.0.0.1:{peer}", "--initial-cluster-state", "new"],
            stdout=self.log, stderr=self.log, preexec_fn=dies_with_parent())

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.directory, ignore_errors=True)


class Tool:
    """etcdctl or cairnctl, working under a prefix of its own."""

    def __init__(self, name, binary, endpoints, prefix, shared):
        self.name, self.binary, self.prefix, self.shared = name, binary, prefix, shared
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("ETCDCTL_", "CAIRNCTL_"))}
        self.environment["ETCDCTL_API"] = "3"
        self.environment["ETCDCTL_ENDPOINTS"] = endpoints

    def fill_in(self, text):
        return text.replace("@", self.prefix).replace("%", self.shared)

    def run(self, arguments, stdin=b"", seconds=TIMEOUT):
        """Exit code (None: still running and ended by us), standard output and error."""
        process = subprocess.Popen([self.binary] + [self.fill_in(a) for a in arguments], env=self.environment,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            out, err = process.communicate(self.fill_in(stdin.decode()).encode(), timeout=seconds)
            return process.returncode, out, err
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            out, err = process.communicate()
            return None, out, err

    def run_until(self, arguments, end, seconds=TIMEOUT):
        """The same without input, ended by us as soon as the output ends with the pattern; whether it did."""
        process = subprocess.Popen([self.binary] + [self.fill_in(a) for a in arguments], env=self.environment,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, deadline = b"", time.monotonic() + seconds
        while not end.search(out):
            readable = select.select([process.stdout], [], [], max(0, deadline - time.monotonic()))[0]
            chunk = os.read(process.stdout.fileno(), 65536) if readable else b""
            if not chunk:  # Too late, or it ended by itself.
                break
            out += chunk
        process.send_signal(signal.SIGKILL)
        rest, err = process.communicate()
        return bool(end.search(out)) and not rest, out + rest, err


MASKS = [
    (re.compile(rb'"revision":\d+'), b'"revision":R'),
    (re.compile(rb'"create_revision":\d+'), b'"create_revision":R'),
    (re.compile(rb'"mod_revision":\d+'), b'"mod_revision":R'),
    (re.compile(rb'"(Revision|PrevCreateRevision|PrevModRevision|CreateRevision|ModRevision|RaftIndex|RaftAppliedIndex)" : [1-9]\d*'),
     rb'"\1" : R'),
    (re.compile(rb'"(raftIndex|raftAppliedIndex)":\d+'), rb'"\1":R'),
    (re.compile(rb'took = \S+'), b'took = T'),
    (re.compile(rb'"took":"[^"]+"'), b'"took":"T"'),
    (re.compile(rb'"Took" : \S+'), b'"Took" : T'),
    (re.compile(rb'\b\d+(\.\d+)?(ms|\xc2\xb5s)\b'), b'T'),
    (re.compile(rb'compacted revision \d+'), b'compacted revision R'),
    # The set of fields grows with the API; etcdctl 3.4 prints those of 3.4.
    (re.compile(rb',"(storageVersion|dbSizeQuota|downgradeInfo|hash_revision)":("[^"]*"|\d+|\{[^}]*\})'), b''),
]


def normalised(tool, output, status=False):
    output = output.replace(tool.prefix.encode(), b"@").replace(tool.shared.encode(), b"@").replace(f'for "{tool.name}"'.encode(), b'for "THE TOOL"')
    output = output.replace(b"".join(b"\\x%02x" % b for b in tool.prefix.encode()), b"@")
    # Keys and values inside JSON are in base64, which mixes the prefix with what follows it.
    def decoded(match):
        return b'"' + match.group(1) + b'":' + repr(base64.b64decode(match.group(2)).replace(tool.prefix.encode(), b"@")).encode()
    output = re.sub(rb'"(key|value)":"([A-Za-z0-9+/=]*)"', decoded, output)
    for pattern, replacement in MASKS:
        output = pattern.sub(replacement, output)
    if status:
        output = re.sub(rb"\b\d+(\.\d+)? [kMG]?B\b", b"SIZE", output)
        output = re.sub(rb'"(dbSize|dbSizeInUse)":\d+', rb'"\1":S', output)
        output = re.sub(rb'"DBSize" : \d+', b'"DBSize" : S', output)
        output = re.sub(rb'"(hash|Hash)"( :|:) ?\d+', rb'"\1"\2H', output)
        output = re.sub(rb"(, \d+, \d+, )(\r?\n|$)", b", I, I, \n", output)   # Raft index and applied index.
        output = re.sub(rb"(:\d+), \d{4,}\n", rb"\1, HASH\n", output)
        output = re.sub(rb"[-+ ]+", b" ", output)                            # Tables: widths follow the contents.
        output = re.sub(rb"\| \d+ \| \d+ \| \|", b"| I | I | |", output)
        output = re.sub(rb"\| \d{4,} \|\n", b"| HASH |\n", output)
    return output


def error_lines(tool, output):
    lines = [l for l in normalised(tool, output).split(b"\n") if l.startswith((b"Error:", b"watch was canceled", b"command ["))]
    return lines[:1] if lines and lines[0].startswith(b"Error: unknown") else lines


# How the output ends when the last event of write_watch_history() was printed whole.
LAST_EVENT = {
    "simple": re.compile(rb"\nfin\n\Z"),
    "hex": re.compile(rb"\n\\x66\\x69\\x6e\n\Z"),
    "command": re.compile(rb' "fin"\n\Z'),
    "fields": re.compile(rb'\n"Value" : "fin"\n"Lease" : 0\n\Z'),
    "json": re.compile(rb'"value":"Zmlu"[^\n]*\n\Z'),
    "protobuf": re.compile(rb"fin\Z"),
}

FORMATS = ["simple", "fields", "json"]
ROW_FORMATS = ["simple", "fields", "json", "table"]

TXN = b'mod("@a") > "0"\nver("@none") = "0"\nvalue("@a") != "zz"\n\nput @a 5\nget @a @c\nget @ --prefix --keys-only\ndel @zz --prefix --prev-kv\n' \
      b'put @t "x y\\n" --prev-kv\ndel @gone --prev-kv\n\nput @b 1\n\n'
TXN_FAILS = b'value("@a") = "no such value"\n\nput @a 6\n\nget @a\nput "@q \\x41" \"q\"\n\n'


def cases():
    """(name, arguments, standard input, options)"""
    def case(*arguments, stdin=b"", **options):
        return " ".join(repr(a) if not a or " " in a else a for a in arguments), list(arguments), stdin, options

    yield case("put", "@a", "1")
    yield case("put", "@b", "")
    yield case("put", "@c", 'x\ty"é\u2028')
    yield case("put", "@json", "[1,2]")
    yield case("put", "@braces", "{}")
    yield case("put", "@dash", "--", "-v")
    yield case("put", "--", "@dash2", "--prev-kv")
    yield case("put", "@in", stdin=b"line 1\nline 2\n")
    for f in FORMATS:
        yield case("put", "@a", "2", "-w", f)
        yield case("put", "@a", "3", "--prev-kv", "-w", f)
        yield case("put", "@a", "--ignore-value", "--prev-kv", "-w", f)
        yield case("get", "@a", "-w", f)
        yield case("get", "@", "--prefix", "-w", f)
        yield case("get", "@a", "@c", f"--write-out={f}")
        yield case("get", "@none", "-w", f)
        yield case("get", "@", "--prefix", "--keys-only", "-w", f)
        yield case("get", "@", "--prefix", "--limit", "2", "-w", f)
        yield case("get", "@", "--prefix", "--order", "DESCEND", "--sort-by", "MODIFY", "-w", f)
        yield case("get", "@a", "--consistency", "s", "-w", f)
        yield case("del", "@none", "-w", f)
        yield case("put", "@d/1", "x")
        yield case("put", "@d/2", "y")
        yield case("del", "@d/", "--prefix", "--prev-kv", "-w", f)
        yield case("txn", "-w", f, stdin=TXN)
        yield case("txn", "-w", f, stdin=TXN_FAILS)
    for order in ["ASCEND", "descend"]:
        for target in ["CREATE", "KEY", "MODIFY", "VALUE", "version"]:
            yield case("get", "@", "--prefix", "--order", order, "--sort-by", target, "--keys-only", stable=False)
    yield case("get", "@", "--prefix", "--hex")
    yield case("--hex", "get", "@a")
    yield case("get", "@", "--prefix", "--print-value-only")
    yield case("get", "@c", "--from-key", "--limit", "1")
    yield case("get", "@a", "--prefix=false")
    yield case("txn", "-i", stdin=TXN)
    yield case("put", "@e/1", "1")
    yield case("put", "@e/2", "2")
    yield case("del", "@e/1", "@e/2", "--prev-kv")
    yield case("del", "@e/2")

    # Protobuf holds revisions that cannot be masked, so both read the same keys.
    yield case("get", "%", "--prefix", "-w", "protobuf")
    yield case("get", "%", "--prefix", "--keys-only", "--limit", "2", "-w", "protobuf")
    yield case("txn", "-w", "protobuf", stdin=b'mod("%a") > "0"\n\nget %a\nget % --prefix\n\n\n')
    yield case("watch", "%w/", "--prefix", "--rev", "{shared}", "--prev-kv", "-w", "protobuf", until="protobuf")

    # Refusals: exit code and message.
    for arguments in (["get"], ["get", "a", "--prefix", "--from-key"], ["get", "a", "b", "--prefix"], ["get", "@a", "--order", "x"],
                      ["get", "@a", "--sort-by", "x"], ["get", "@a", "--consistency", "x"], ["get", "@a", "--rev", "99999999"],
                      ["get", ""], ["get", "@a", "--print-value-only", "-w", "json"], ["get", "@a", "-w", "table"],
                      ["get", "@a", "-w", "bogus"], ["get", "@a", "--bogus"], ["bogus"], ["put"], ["put", "@a", "--lease", "zz", "b"],
                      ["put", "@a", "--ignore-value", "b"], ["put", "@a", "--lease", "12", "--ignore-lease", "v"],
                      ["put", "@a", "--lease", "12", "v"], ["put", "@none", "--ignore-value"], ["del"], ["del", "a", "b", "c"],
                      ["del", "a", "b", "--prefix"], ["del", "a", "--prefix", "--from-key"], ["compaction"], ["compaction", "x"],
                      ["compaction", "99999999"], ["move-leader"], ["move-leader", "xx"], ["move-leader", "12"], ["watch"],
                      ["watch", "a", "b", "--prefix"], ["watch", "--", "echo", "x"], ["txn", "extra"]):
        yield case(*arguments)
    for stdin in (b"", b"bogus\n\n\n\n", b'foo("@a") = "b"\n\n\n\n', b'mod("@a") = "b"\n\n\n\n', b"value(a) = b\n\n\n\n",
                  b'value("@a") = 4\n\n\n\n', b"\nbogus x\n\n\n", b"\nput\n\n\n", b"\nget a --bogus\n\n\n", b"\nput @a 1\nput @a 2\n\n\n",
                  b"\ndel a --from-key --prefix\n\n\n", b'value("@a") = "1"\n\nget @a'):
        yield case("txn", stdin=stdin)

    for f in ROW_FORMATS:
        yield case("member", "list", "-w", f)
        yield case("endpoint", "status", "-w", f, status=True)
        yield case("endpoint", "status", "--cluster", "-w", f, status=True)
        yield case("endpoint", "health", "-w", f, merged=True)
        yield case("endpoint", "hashkv", "-w", f, status=True)
    yield case("member", "list", "-w", "protobuf")
    yield case("endpoint", "status", "-w", "protobuf")

    # Watches: the history up to its last event.
    for f in FORMATS:
        yield case("watch", "@w/", "--prefix", "--rev", "{first}", "-w", f, until=f)
        yield case("watch", "@w/", "--prefix", "--rev", "{first}", "--prev-kv", "-w", f, until=f)
    yield case("watch", "@w/", "--prefix", "--rev", "{first}", "--hex", until="hex")
    yield case("watch", "@w/1", "@w/2", "--rev", "{first}", until="simple")
    yield case("watch", "@w/1", "--rev", "{first}", "--", "sh", "-c", 'echo "$ETCD_WATCH_EVENT_TYPE $ETCD_WATCH_KEY $ETCD_WATCH_VALUE"',
               until="command")
    # These end by themselves, and say why.
    yield case("watch", "@w/1", "--rev", "{first}", "--", "false", speaks=True)
    yield case("watch", "@w/2", "@w/1", "--rev", "{first}", speaks=True)
    yield case("compaction", "{last}", both=False)
    for f in FORMATS:
        yield case("watch", "@w/1", "--rev", "{first}", "-w", f, speaks=True)
    yield case("get", "@w/1", "--rev", "{first}")


def write_watch_history(tool):
    """Some revisions under @w/; returns the first and the last of them. The last one belongs to every watch: see LAST_EVENT."""
    def revision(output):
        return json.loads(output)["header"]["revision"]
    first = revision(tool.run(["put", "@w/1", "a", "-w", "json"])[1])
    tool.run(["put", "@w/1", "b"])
    tool.run(["del", "@w/1"])
    tool.run(["put", "@w/2", 'a"\u00ff'])
    tool.run(["txn"], b"\nput @w/3 1\nput @w/4 2\ndel @w/2\n\n\n")
    tool.run(["put", "@w/5", "end"])
    last = revision(tool.run(["put", "@w/1", "fin", "-w", "json"])[1])
    return first, last


def compare(reference, tested, arguments, stdin, options):
    """None if equal, else what differs."""
    results, faults = [], []
    for tool in (reference, tested):
        filled = [a.replace("{first}", str(tool.first)).replace("{shared}", str(reference.first))
                  .replace("{last}", str(max(reference.last, tested.last))) for a in arguments]
        if "until" in options:
            complete, out, err = tool.run_until(filled, LAST_EVENT[options["until"]])
            code = None
            if not complete:
                faults.append(f"    {tool.name} did not print the last event, or more than that: {out!r} {err!r}")
        else:
            code, out, err = tool.run(filled, stdin)
            if code is None:
                faults.append(f"    {tool.name} did not end: {out!r} {err!r}")
            if options.get("speaks") and (code == 0 or not out + err):
                faults.append(f"    {tool.name} was to end with a reason, and ended with {code}: {out!r} {err!r}")
        status = options.get("status", False)
        if options.get("merged"):
            out, err = err + out, err
            out = b"\n".join(l for l in out.split(b"\n") if not l.startswith(b"Error:"))
            status = True
        # Which revisions a batch of a watch is told with differs from run to run, not which events.
        shown = normalised(tool, out, status)
        # etcdctl prints its help on standard output when a flag is unknown.
        if b"unknown flag" in err:
            shown = b""
        results.append((code, shown, error_lines(tool, err)))
    names = ("exit code", "standard output", "errors")
    differences = [f"    {name}\n      {reference.name}: {a!r}\n      {tested.name}: {b!r}"
                   for name, a, b in zip(names, *results) if a != b] + faults
    return "\n".join(differences) or None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cairnctl", default="build/release/bin/cairnctl")
    parser.add_argument("--etcdctl", default="etcdctl")
    parser.add_argument("--endpoints", help="a running cluster; without it a server is started")
    parser.add_argument("--server", default="etcd", help="what to start")
    parser.add_argument("--only", default="", help="only cases whose name contains this")
    options = parser.parse_args()

    if shutil.which(options.etcdctl) is None:
        print("SKIPPED: etcdctl is not installed (Debian: apt-get install etcd-client)")
        return SKIPPED
    if options.endpoints is None and shutil.which(options.server) is None:
        print(f"SKIPPED: {options.server} is not installed (Debian: apt-get install etcd-server), and no --endpoints given")
        return SKIPPED

    server = None if options.endpoints else Server(options.server)
    endpoints = options.endpoints or server.endpoint
    stamp = f"{os.getpid() % 10000:04d}{int(time.time()) % 100000:05d}"
    shared = f"vs/{stamp}e/"
    reference = Tool("etcdctl", options.etcdctl, endpoints, shared, shared)
    tested = Tool("cairnctl", options.cairnctl, endpoints, f"vs/{stamp}c/", shared)
    try:
        for attempt in range(50):
            if tested.run(["get", "ready"])[0] == 0:
                break
            time.sleep(0.2)
        else:
            print("FAILED: the server does not answer")
            return 1
        for tool in (reference, tested):
            tool.first, tool.last = write_watch_history(tool)
        equal, different = 0, 0
        for name, arguments, stdin, case_options in cases():
            if options.only not in name:
                continue
            if "both" in case_options:   # Can be done once only; the other client then sees what it left.
                tested.run([a.replace("{last}", str(max(reference.last, tested.last))) for a in arguments])
                continue
            difference = compare(reference, tested, arguments, stdin, case_options)
            if difference is None:
                equal += 1
            else:
                different += 1
                print(f"DIFFERENT: {name}" + (f"   <<< {stdin!r}" if stdin else "") + f"\n{difference}")
        print(f"{equal} commands equal, {different} different")
        return 0 if different == 0 else 1
    finally:
        for tool in (reference, tested):
            tool.run(["del", "@", "--prefix"])
        if server:
            server.stop()


if __name__ == "__main__":
    sys.exit(main())
