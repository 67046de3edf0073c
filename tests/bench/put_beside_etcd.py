"""Puts per second of cairn beside Debian's etcd-server: same client, same machine, same disk, three nodes each, in turns.

/usr/bin/python3 tests/bench/put_beside_etcd.py [SECONDS]     # after ./dev build release
"""

import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "integration"))

from cluster import Cluster  # noqa: E402

BIN = ROOT / "build" / "release" / "bin"
SERVERS = {"etcd": "/usr/bin/etcd", "cairn": str(BIN / "cairnd")}


def measure(server, clients, seconds):
    with Cluster(SERVERS[server]) as cluster:
        output = subprocess.run(
            [str(BIN / "cairn-bench"), "put", "--endpoints", cluster.endpoints, "--clients", str(clients),
             "--duration", str(seconds), "--key-size", "32", "--value-size", "256", "--json"],
            capture_output=True, text=True, timeout=seconds + 60, check=True).stdout
    return json.loads(output)


def main():
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    for clients in (1, 64, 256):
        for server in ("etcd", "cairn", "etcd", "cairn"):
            print(server, clients, json.dumps(measure(server, clients, seconds)), flush=True)


if __name__ == "__main__":
    main()
