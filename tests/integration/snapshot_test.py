"""A follower that was away too long gets a snapshot, while the others are written to and both ends of the transfer are killed."""

import itertools
import os
import random
import threading
import time
import unittest

import suite
from client import Client, Writers, filler, wait_for_equal_hashes
from cluster import Cluster, cairnd_from_environment

MIB = 1 << 20
# The log keeps 64 MiB for slow followers (ReplicaOptions::margin_bytes) and gives up whole segments of 64 MiB; for who missed more than
# both there is only a snapshot, whoever leads, and also after a restart.
MISSED = 160 * MIB
VALUE = 8192
APPLIED = "etcd_server_proposals_applied_total"
INSTALLED = "cairn_raft_snapshots_installed_total"
PER_TXN = 120


# How far the transfer is when its end is killed: (which end, share of the bytes). A sender's death begins the transfer anew, from another
# node or another image; a receiver's does not.
KILLS = [("receiver", 0.02), ("receiver", 0.2), ("sender", 0.4), ("receiver", 0.1), ("receiver", 0.5), ("sender", 0.7), ("receiver", 0.3),
         ("receiver", 0.6), ("sender", 0.1), ("receiver", 0.85), ("receiver", 0.95)]


class Transfer:
    """A snapshot on its way into a node, watched in the node's directory: it gathers in store/incoming (kv/store/README.md)."""

    def __init__(self, node):
        self.node = node
        self.directory = node.data / "store" / "incoming"

    def arrived(self):
        """Bytes there by now; None while there is no transfer, and once it is complete."""
        total = 0
        try:
            with os.scandir(self.directory) as entries:
                for entry in entries:
                    try:
                        total += entry.stat().st_size
                    except FileNotFoundError:
                        pass  # Renamed, for it was complete.
        except FileNotFoundError:
            return None
        return total

    def wait_for(self, bytes_arrived, seconds=40):
        """Until this much has arrived and bytes keep arriving; returns how much, or None if the transfer was complete before.

        Polls without a pause worth the name: the whole transfer takes a second or two.
        """
        deadline = time.monotonic() + seconds
        first = now = self.arrived()
        behind = max(node.metric(APPLIED) or 0 for node in self.node.cluster.nodes if node is not self.node)
        for poll in itertools.count():
            before, now = now, self.arrived()
            if now is None and before is not None:
                return None
            if now is not None and now not in (first, before) and now >= bytes_arrived:
                return now
            if poll % 100 == 99:
                if (self.node.metric(APPLIED) or 0) >= behind:
                    return None
                if time.monotonic() > deadline:
                    break
            time.sleep(0.001)
        raise AssertionError(f"waited {seconds} s for {bytes_arrived} bytes of a snapshot in {self.node.name}; at first there were {first}, "
                             f"at last {now}; it has applied {self.node.metric(APPLIED)} of {behind} entries")


class SnapshotTest(unittest.TestCase):
    def fall_behind(self, cluster, away):
        """Kills a node and writes more than the log keeps through the others."""
        if away.process is not None:
            away.kill()
        self.generation += 1
        live = [node for node in cluster.nodes if node is not away]
        done = []

        def write(node, number):
            with Client(node) as client:
                for i in range(MISSED // len(live) // VALUE // PER_TXN + 1):
                    keys = [b"bulk/%d/%d/%04d/%03d" % (self.generation, number, i, j) for j in range(PER_TXN)]
                    client.put_many([(key, filler(key, VALUE)) for key in keys])
                    self.bulk[number] += len(keys)
            done.append(node)

        threads = [threading.Thread(target=write, args=(node, number)) for number, node in enumerate(live)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        self.assertEqual(len(done), len(live), "a writer failed")

    def test_both_ends_of_a_transfer_are_killed_under_load(self):
        self.generation, self.bulk = 0, [0, 0]
        with Cluster(cairnd_from_environment(), extra=["--snapshot-count", "200"]) as cluster:
            away = cluster.nodes[2]
            transfer = Transfer(away)
            self.fall_behind(cluster, away)
            with Writers(cluster.nodes[:2], b"live/", value_bytes=4096) as writers:
                away.start()
                done, too_late = {"receiver": 0, "sender": 0}, 0
                for end, share in KILLS:
                    while (arrived := transfer.wait_for(int(share * MISSED))) is None:
                        # Complete before it was killed; it must not happen often, or this test is not about transfers.
                        too_late += 1
                        self.assertLess(too_late, 4, f"{too_late} transfers were complete before they were {share} through")
                        self.fall_behind(cluster, away)
                        away.start()
                    victim = away if end == "receiver" else cluster.leader()
                    victim.kill()
                    still = transfer.arrived()
                    print(f"{end} {victim.name} killed with {arrived >> 10} KiB of a snapshot there"
                          f"{'' if still is not None else ', just complete'}; {writers.count()} writes acknowledged", flush=True)
                    done[end] += 1
                    victim.start()

                # Once more, killed in the moment in which the last byte is there.
                self.fall_behind(cluster, away)
                away.start()
                self.assertIsNone(transfer.wait_for(1 << 62))
                away.kill()
                away.start()
                cluster.wait_ready()

                # And once without a kill; writing goes on, and it has to come through and catch up all the same.
                self.fall_behind(cluster, away)
                away.start()
                cluster.wait_ready()
                writers.wait_for_more(100)
                installed = away.metric(INSTALLED)
                # It is a full member again: killed and started, it comes back from what it got.
                away.kill()
                away.start()
                cluster.wait_ready()
                writers.wait_for_more(100)
            print(f"{done}, {too_late} too late; {installed} installed; {writers.count()} writes acknowledged, {len(writers.unknown)} unknown: "
                  f"{writers.errors}")
            self.assertGreater(installed, 0, "no snapshot came")
            self.check(cluster, writers)

    def check(self, cluster, writers):
        wait_for_equal_hashes(cluster.nodes)
        for node in cluster.nodes:
            with Client(node) as client:
                self.assertEqual(client.count(b"bulk/", serializable=True), sum(self.bulk))
                self.assertEqual(writers.lost(node), [], f"{node.name} lacks acknowledged writes")
                for key in random.Random(1).sample(sorted(writers.acknowledged.values()), 200):
                    self.assertEqual(client.get(key, serializable=True), writers.value(key))


if __name__ == "__main__":
    suite.main()
