"""Debian's python3-etcd3, unchanged, against a three-node cluster."""

import queue
import unittest

import etcd3
import grpc

import suite
from cluster import Cluster, cairnd_from_environment, wait_for


class PythonEtcd3Test(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(cairnd_from_environment())
        cls.addClassCleanup(cls.cluster.close)
        cls.cluster.__enter__()
        # They are not closed at the end: a watch thread of python3-etcd3 0.12 would go on reconnecting, and complain.
        cls.clients = []
        for node in cls.cluster.nodes:
            host, port = node.client.split(":")
            cls.clients.append(etcd3.client(host=host, port=int(port), timeout=10))

    @property
    def client(self):
        return self.clients[0]

    def test_get_of_a_missing_key_is_none(self):
        self.assertEqual(self.client.get("missing"), (None, None))

    def test_what_one_node_acknowledged_every_node_reads(self):
        for i, writer in enumerate(self.clients):
            writer.put(f"put/{i}", f"value {i}")
            for reader in self.clients:
                value, meta = reader.get(f"put/{i}")
                self.assertEqual(value, f"value {i}".encode())
                self.assertEqual(meta.version, 1)

    def test_put_prev_kv(self):
        self.client.put("prev", "old")
        self.assertEqual(self.client.put("prev", "new", prev_kv=True).prev_kv.value, b"old")

    def test_get_prefix_sorted(self):
        for name, value in (("a", "3"), ("b", "1"), ("c", "2")):
            self.client.put(f"sorted/{name}", value)
        by_value = [meta.key for _, meta in self.client.get_prefix("sorted/", sort_order="descend", sort_target="value")]
        self.assertEqual(by_value, [b"sorted/a", b"sorted/c", b"sorted/b"])
        keys = [(value, meta.key) for value, meta in self.client.get_prefix("sorted/", keys_only=True)]
        self.assertEqual(keys, [(b"", b"sorted/a"), (b"", b"sorted/b"), (b"", b"sorted/c")])

    def test_get_range_and_get_all(self):
        for i in range(4):
            self.client.put(f"range/{i}", str(i))
        self.assertEqual([v for v, _ in self.client.get_range("range/1", "range/3")], [b"1", b"2"])
        self.assertGreaterEqual(len(list(self.client.get_all())), 4)

    def test_serializable_get(self):
        self.client.put("serializable", "x")
        for client in self.clients:
            wait_for(lambda c=client: c.get("serializable", serializable=True)[0] == b"x", "the key on every node")

    def test_delete_says_whether_there_was_something(self):
        self.client.put("delete/me", "x")
        self.assertTrue(self.client.delete("delete/me"))
        self.assertFalse(self.client.delete("delete/me"))
        self.client.put("delete/1", "x")
        self.client.put("delete/2", "x")
        self.assertEqual(self.client.delete_prefix("delete/").deleted, 2)

    def test_replace_is_a_compare_and_swap(self):
        self.client.put("cas", "1")
        self.assertTrue(self.client.replace("cas", "1", "2"))
        self.assertFalse(self.client.replace("cas", "1", "3"))
        self.assertEqual(self.client.get("cas")[0], b"2")

    def test_put_if_not_exists(self):
        self.assertTrue(self.client.put_if_not_exists("once", "first"))
        self.assertFalse(self.client.put_if_not_exists("once", "second"))
        self.assertEqual(self.client.get("once")[0], b"first")

    def test_transaction_branches_and_answers(self):
        self.client.put("txn", "a")
        ok, answers = self.client.transaction(
            compare=[self.client.transactions.value("txn") == "a", self.client.transactions.version("txn") > 0],
            success=[self.client.transactions.put("txn", "b"), self.client.transactions.get("txn")],
            failure=[self.client.transactions.delete("txn")])
        self.assertTrue(ok)
        self.assertEqual(answers[1][0][0], b"b")

    def test_compact_refuses_its_own_repetition(self):
        self.client.put("compact", "1")
        revision = self.client.put("compact", "2").header.revision
        self.client.compact(revision)
        with self.assertRaises(grpc.RpcError) as caught:
            self.client.compact(revision)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.OUT_OF_RANGE)

    def test_watch_replays_from_a_revision_and_goes_on_through_another_node(self):
        first = self.clients[0].put("watch/1", "a").header.revision
        events, cancel = self.clients[1].watch_prefix("watch/", start_revision=first)
        self.clients[2].put("watch/2", "b")
        self.clients[0].delete("watch/1")
        seen = []
        for event in events:
            seen.append((type(event).__name__, event.key, event.mod_revision))
            if len(seen) == 3:
                cancel()
        self.assertEqual([(kind, key) for kind, key, _ in seen],
                         [("PutEvent", b"watch/1"), ("PutEvent", b"watch/2"), ("DeleteEvent", b"watch/1")])
        self.assertEqual([revision for _, _, revision in seen], [first, first + 1, first + 2])

    def test_watch_with_previous_values(self):
        first = self.client.put("watchf", "1").header.revision
        self.client.put("watchf", "2")
        self.client.delete("watchf")
        responses = queue.Queue()
        watch = self.client.add_watch_callback("watchf", responses.put, start_revision=first, prev_kv=True)
        events = []
        while len(events) < 3:
            events.extend(responses.get(timeout=20).events)
        self.client.cancel_watch(watch)
        self.assertEqual([event.prev_value for event in events], [b"", b"1", b"2"])

    def test_watch_below_the_compacted_revision_raises(self):
        first = self.client.put("watchc", "1").header.revision
        last = self.client.put("watchc", "2").header.revision
        self.client.compact(last)
        events, cancel = self.client.watch("watchc", start_revision=first)
        with self.assertRaises(etcd3.exceptions.RevisionCompactedError) as caught:
            next(iter(events))
        self.assertEqual(caught.exception.compacted_revision, last)
        cancel()

    def test_status_names_a_member_as_leader(self):
        for client in self.clients:
            status = client.status()
            self.assertRegex(status.version, r"^\d+\.\d+\.\d+$")
            self.assertIn(status.leader.name, [node.name for node in self.cluster.nodes])

    def test_members(self):
        self.assertEqual(sorted(member.name for member in self.client.members), [node.name for node in self.cluster.nodes])

    def test_hash_answers(self):
        self.assertIsInstance(self.client.hash(), int)


if __name__ == "__main__":
    suite.main()
