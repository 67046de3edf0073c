"""What was acknowledged is there afterwards: after SIGKILL of all nodes, after a long absence, after a clean stop.

Also what a node says when it must not start: a directory of another cluster or member, a disk that lost its data.
"""

import shutil
import signal
import unittest

import grpc
from etcd3 import etcdrpc

from cluster import Cluster, cairnd_from_environment, http_get, wait_for


class Client:
    """Plain stubs of one node, with a deadline on every call."""

    def __init__(self, node):
        self.channel = grpc.insecure_channel(node.client, options=[("grpc.max_receive_message_length", -1)])
        self.kv = etcdrpc.KVStub(self.channel)
        self.maintenance = etcdrpc.MaintenanceStub(self.channel)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()

    def put(self, key, value):
        return self.kv.Put(etcdrpc.PutRequest(key=key, value=value), timeout=20, wait_for_ready=True).header.revision

    def get(self, key, serializable=False):
        answer = self.kv.Range(etcdrpc.RangeRequest(key=key, serializable=serializable), timeout=20, wait_for_ready=True)
        return answer.kvs[0].value if answer.kvs else None

    def count(self, prefix, serializable=False):
        end = prefix[:-1] + bytes([prefix[-1] + 1])
        return self.kv.Range(etcdrpc.RangeRequest(key=prefix, range_end=end, count_only=True, serializable=serializable),
                             timeout=20, wait_for_ready=True).count

    def hash(self):
        call = self.channel.unary_unary("/etcdserverpb.Maintenance/HashKV", request_serializer=bytes,
                                        response_deserializer=bytes)
        return call(b"", timeout=20)


class DurabilityTest(unittest.TestCase):
    def hash_of(self, node):
        """(revision hashed at, hash): decoded by hand, as python3-etcd3 has no HashKV."""
        with Client(node) as client:
            answer = etcdrpc.HashResponse.FromString(client.hash())
            return answer.header.revision, answer.hash

    def same_everywhere(self, cluster):
        wait_for(lambda: len({self.hash_of(node) for node in cluster.nodes}) == 1, "the same state on every node")

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
            self.same_everywhere(cluster)

    def test_a_follower_that_was_away_too_long_gets_a_snapshot(self):
        with Cluster(cairnd_from_environment(), extra=["--snapshot-count", "200"]) as cluster:
            away = cluster.nodes[2]
            away.kill()
            # More than the log keeps for slow followers, so that only a snapshot can help.
            with Client(cluster.nodes[0]) as client:
                for i in range(30):
                    client.kv.Txn(etcdrpc.TxnRequest(success=[
                        etcdrpc.RequestOp(request_put=etcdrpc.PutRequest(key=b"snap/%03d/%03d" % (i, j), value=b"x" * 8192))
                        for j in range(100)]), timeout=20, wait_for_ready=True)
                for i in range(600):
                    client.put(b"after/%03d" % i, b"y" * 4096)
            away.start()
            cluster.wait_ready([away])
            with Client(away) as client:
                self.assertEqual(client.count(b"snap/", serializable=True), 3000)
                self.assertEqual(client.count(b"after/", serializable=True), 600)
            self.same_everywhere(cluster)
            # And it is a full member again: killed and started, it comes back by itself.
            away.kill()
            away.start()
            cluster.wait_ready([away])
            self.same_everywhere(cluster)

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

    def test_a_single_node_needs_no_flags_but_ports(self):
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
        node.start()
        code = node.wait(seconds=30)
        log = node.log.read_text(errors="replace")
        self.assertNotEqual(code, 0)
        for word in words:
            self.assertIn(word, log)

    def test_a_directory_of_another_member_is_refused(self):
        with Cluster(cairnd_from_environment()) as cluster:
            first, second, _ = cluster.nodes
            for node in (first, second):
                node.kill()
            first.data, second.data = second.data, first.data
            self.refuses_to_start(first, "member")

    def test_a_directory_of_another_cluster_is_refused(self):
        with Cluster(cairnd_from_environment()) as cluster:
            with Cluster(cairnd_from_environment(), nodes=1) as other:
                other.nodes[0].kill()
                cluster.nodes[0].kill()
                shutil.rmtree(cluster.nodes[0].data)
                shutil.copytree(other.nodes[0].data, cluster.nodes[0].data)
                self.refuses_to_start(cluster.nodes[0], "cluster")

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


if __name__ == "__main__":
    unittest.main(verbosity=2)
