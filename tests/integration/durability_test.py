"""What was acknowledged is there afterwards: after SIGKILL of all nodes, after a clean stop; and a restart takes little.

Also what a node says when it must not start: a directory of another cluster or member, a disk that lost its data.
"""

import contextlib
import re
import shutil
import signal
import time
import unittest

import suite
from client import Client, Writers, wait_for_equal_hashes
from cluster import Cluster, cairnd_from_environment, http_get, wait_for


class DurabilityTest(unittest.TestCase):
    def test_sigkill_of_all_nodes_loses_nothing_acknowledged(self):
        with Cluster(cairnd_from_environment()) as cluster:
            acknowledged = 0
            for life in range(3):
                with Client(cluster.nodes[life % 3]) as client:
                    for _ in range(100):
                        client.put(b"all/%05d" % acknowledged, b"%d" % acknowledged)
                        acknowledged += 1
                for node in cluster.nodes:
                    node.signal(signal.SIGKILL)
                for node in cluster.nodes:
                    node.wait()
                for node in cluster.nodes:
                    node.start()
                cluster.wait_ready()
                for node in cluster.nodes:
                    with Client(node) as client:
                        self.assertEqual(client.count(b"all/"), acknowledged)
                        self.assertEqual(client.get(b"all/%05d" % (acknowledged - 1)), b"%d" % (acknowledged - 1))
            wait_for_equal_hashes(cluster.nodes)

    def test_a_restart_replays_only_the_tail(self):
        """Entries applied since the last snapshot point are replayed, and no more than the log keeps is read at all."""
        count, value = 2000, 8192
        # A snapshot point comes when `count` entries and 16 MiB wait (ReplicaOptions::snapshot_bytes), and takes its time, in which
        # writing goes on: that much again.
        replayed_at_most = 2 * max(count, (16 << 20) // value)
        # Behind it the log keeps 5000 entries for slow followers, and whole segments of 64 MiB.
        read_at_most = replayed_at_most + 5000 + (64 << 20) // value
        with Cluster(cairnd_from_environment(), nodes=1, extra=["--snapshot-count", str(count)]) as cluster:
            node = cluster.nodes[0]
            with Writers([node] * 8, b"tail/", value_bytes=value) as writers:
                wait_for(lambda: writers.count() >= 20000, lambda: f"20000 writes; there are {writers.count()}; {writers.errors}", 60)
            self.assertEqual(writers.unknown, set())
            applied = int(node.metric("etcd_server_proposals_applied_total"))
            node.kill()
            seen = len(node.log_text())
            started = time.monotonic()
            node.start()
            cluster.wait_ready()
            seconds = time.monotonic() - started
            match = re.search(r"recovered applied=(\d+) .*entries_in_log=(\d+) to_apply=(\d+)", node.log_text()[seen:])
            self.assertIsNotNone(match, node.log_text()[seen:])
            replayed, read, to_apply = applied - int(match.group(1)), int(match.group(2)), int(match.group(3))
            self.assertGreaterEqual(to_apply, replayed)
            print(f"of {applied} entries {replayed} were replayed and {read} read; it served after {seconds:.2f} s")
            self.assertLessEqual(replayed, replayed_at_most)
            self.assertLessEqual(read, read_at_most)
            with Client(node) as client:
                found = client.keys(b"tail/")
            self.assertEqual({key: revision for revision, key in writers.acknowledged.items()}, found)

    def test_sigterm_stops_every_node_cleanly_and_the_next_start_has_everything(self):
        with Cluster(cairnd_from_environment()) as cluster:
            with Client(cluster.nodes[0]) as client:
                for i in range(50):
                    client.put(b"term/%d" % i, b"x")
            for node in cluster.nodes:
                node.signal(signal.SIGTERM)
                self.assertEqual(node.wait(), 0, node.name)
            for node in cluster.nodes:
                node.start()
            cluster.wait_ready()
            for node in cluster.nodes:
                with Client(node) as client:
                    self.assertEqual(client.count(b"term/"), 50)

    def test_no_write_fails_while_nodes_are_restarted_in_turn(self):
        with Cluster(cairnd_from_environment()) as cluster:
            for i, node in enumerate(cluster.nodes):
                others = [other for other in cluster.nodes if other is not node]
                node.signal(signal.SIGTERM)
                with Client(others[0]) as client:
                    for j in range(50):
                        client.put(b"rolling/%d/%d" % (i, j), b"x")
                self.assertEqual(node.wait(), 0)
                node.start()
                cluster.wait_ready([node])

    def test_a_single_node_has_after_sigkill_what_it_acknowledged(self):
        with Cluster(cairnd_from_environment(), nodes=1) as cluster:
            node = cluster.nodes[0]
            with Client(node) as client:
                self.assertEqual(client.put(b"k", b"v"), 2)
            node.kill()
            node.start()
            cluster.wait_ready()
            with Client(node) as client:
                self.assertEqual(client.get(b"k"), b"v")

    def refuses_to_start(self, node, *words):
        code, log = node.start_refused()
        self.assertEqual(code, 1, log)
        for word in words:
            self.assertIn(word, log)

    def test_a_directory_of_another_member_is_refused(self):
        with Cluster(cairnd_from_environment()) as cluster:
            first, second, _ = cluster.nodes
            for node in (first, second):
                node.kill()
            first.data, second.data = second.data, first.data
            self.refuses_to_start(first, "belongs to member")

    def test_a_directory_of_another_cluster_is_refused(self):
        with Cluster(cairnd_from_environment()) as cluster:
            with Cluster(cairnd_from_environment(), nodes=1) as other:
                other.nodes[0].kill()
                cluster.nodes[0].kill()
                shutil.rmtree(cluster.nodes[0].data)
                shutil.copytree(other.nodes[0].data, cluster.nodes[0].data)
                self.refuses_to_start(cluster.nodes[0], "belongs to member")

    def test_a_directory_in_use_is_refused(self):
        with Cluster(cairnd_from_environment(), nodes=1) as cluster:
            running = cluster.nodes[0]
            process, running.process = running.process, None
            try:
                self.refuses_to_start(running, "in use")
            finally:
                running.process = process

    def test_a_voter_that_lost_its_data_is_not_let_back_in(self):
        with Cluster(cairnd_from_environment()) as cluster:
            wiped = cluster.nodes[2]
            with Client(cluster.nodes[0]) as client:
                client.put(b"k", b"v")
            wiped.kill()
            shutil.rmtree(wiped.data)
            wiped.start()
            wait_for(lambda: wiped.process.poll() is not None or "lost its data" in wiped.log.read_text(errors="replace"),
                     "the wiped node to be told")
            self.assertIn("lost its data", wiped.log.read_text(errors="replace"))
            if wiped.process.poll() is None:
                self.assertNotEqual(http_get(wiped.client, "/health")[0], 200)

    def is_recognised_without_its_data(self, wiped, witness):
        """Both are down, and nobody else is up who could tell the witness."""
        shutil.rmtree(wiped.data)
        witness.start()
        wiped.start()
        wait_for(lambda: "lost its data" in witness.log_text(), "the witness to recognise the one without its data")

    def test_a_voter_that_lost_its_data_before_it_was_announced_is_not_let_back_in(self):
        # Two of five have no quorum: nothing is committed, so nobody's incarnation is in the membership.
        cluster = Cluster(cairnd_from_environment(), nodes=5)
        with contextlib.ExitStack() as stack:
            stack.callback(cluster.close)
            wiped, witness = cluster.nodes[:2]
            wiped.start()
            witness.start()
            wait_for(lambda: (witness.data / "peers").exists(), "the one to introduce itself to the other")
            wiped.kill()
            witness.kill()
            self.is_recognised_without_its_data(wiped, witness)

    def test_a_voter_that_was_only_heard_of_is_not_let_back_in_without_its_data(self):
        cluster = Cluster(cairnd_from_environment())
        with contextlib.ExitStack() as stack:
            stack.callback(cluster.close)
            first, wiped, late = cluster.nodes
            first.start()
            wiped.start()
            with Client(first) as client:
                wait_for(lambda: wiped.name in client.member_names(), "the one to announce itself")
            wiped.kill()
            # It never meets the one, and hears of it from the other: in what it applies, and has not flushed when it is killed.
            late.start()
            peers = late.data / "peers"
            wait_for(lambda: peers.exists() and peers.read_text().count("peer ") == 2, "the late one to know both others")
            late.kill()
            first.kill()
            self.is_recognised_without_its_data(wiped, late)


if __name__ == "__main__":
    suite.main()
