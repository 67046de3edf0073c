"""Memory stays bounded: a watcher that never reads beside a writer at full speed, and ranges larger than fits."""

import resource
import threading
import unittest

import grpc
from etcd3 import etcdrpc

import suite
from client import OPTIONS, Client, Writers
from cluster import Cluster, cairnd_from_environment, wait_for

MIB = 1 << 20
# docs/compatibility.md: an answer has at most this much, and all large ones on their way together.
ANSWER = 256 * MIB
ANSWERS = 512 * MIB


def memory(node, name):
    """Bytes, from the process's status: proc(5)."""
    with open(f"/proc/{node.process.pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
    raise AssertionError(f"no {name}")


class Peak:
    """The most RAM that a node's process held at any moment since this was made, above what it held then."""

    def __init__(self, node):
        self.node = node
        with open(f"/proc/{node.process.pid}/clear_refs", "w", encoding="ascii") as clear:
            clear.write("5")  # The high-water mark begins anew.
        self.before = memory(node, "VmRSS")

    def grown(self):
        return memory(self.node, "VmHWM") - self.before


class BoundedMemoryTest(unittest.TestCase):
    def test_a_watcher_that_never_reads_costs_no_memory(self):
        with Cluster(cairnd_from_environment(), nodes=1) as cluster:
            node = cluster.nodes[0]
            with grpc.insecure_channel(node.client, options=OPTIONS) as channel:
                kv = etcdrpc.KVStub(channel)
                # After the first response nothing is read: the client's flow-control window fills, and stays full.
                responses = etcdrpc.WatchStub(channel).Watch(
                    iter([etcdrpc.WatchRequest(create_request=etcdrpc.WatchCreateRequest(key=b"m/", range_end=b"m0"))]),
                    timeout=300)
                first = next(responses)
                self.assertTrue(first.created)
                created = first.header.revision
                value = b"x" * 65536
                def write(megabytes):
                    for i in range(megabytes * MIB // len(value)):
                        kv.Put(etcdrpc.PutRequest(key=b"m/%d" % (i % 64), value=value), timeout=30)
                write(640)  # Memtables, the log's tail in memory and the event ring are full by now.
                peak = Peak(node)
                write(640)
                grown = peak.grown()
                # It is still served: not given up, and from where it stopped reading.
                self.assertTrue(responses.is_active())
                self.assertEqual(next(responses).events[0].kv.mod_revision, created + 1)
                responses.cancel()
            print(f"peak {grown // MIB} MiB above")
            # Memtables come and go by 64 MiB; a queue would have grown by all that was written.
            self.assertLess(grown, 160 * MIB, f"grew by {grown // MIB} MiB")


class GiganticRangeTest(unittest.TestCase):
    """A node with 1 GiB of keys, which may use no more memory than it promises to."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(cairnd_from_environment(), nodes=1)
        cls.addClassCleanup(cls.cluster.close)
        cls.cluster.__enter__()
        cls.node = cls.cluster.nodes[0]
        with Writers([cls.node] * 2, b"g/", value_bytes=MIB) as writers:
            wait_for(lambda: writers.count() >= 1024, lambda: f"1024 keys of 1 MiB; there are {writers.count()}; {writers.errors}", 120)
        cls.keys = writers.count()
        cls.restart()
        # What it has of private memory without a single answer: most of it the log's tail, memtables, and stacks of 8 MiB a thread.
        cls.without_answers = memory(cls.node, "VmData")

    @classmethod
    def restart(cls, limit=resource.RLIM_INFINITY):
        cls.node.kill()
        cls.node.start(preexec=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)))
        cls.cluster.wait_ready()

    def setUp(self):
        """A fresh process, to which the kernel refuses more than the promised bound and something for the way there."""
        self.restart(self.without_answers + ANSWERS + 128 * MIB)

    def ask(self, limits):
        """All at once, each on a connection of its own. What came: the number of keys, or a refusal."""
        came = []

        def ask(limit):
            with Client(self.node) as client:
                try:
                    answer = client.kv.Range(etcdrpc.RangeRequest(key=b"g/", range_end=b"g0", limit=limit), timeout=120)
                    came.append(len(answer.kvs))
                except grpc.RpcError as error:
                    came.append(f"{error.code().name}: {error.details()}")

        threads = [threading.Thread(target=ask, args=(limit,)) for limit in limits]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=150)
        self.assertIsNone(self.node.process.poll(), f"the node ended: {self.node.log_text()[-2000:]}")
        self.assertEqual(len(came), len(limits))
        return came

    def test_several_that_are_too_large_are_refused_within_the_bound(self):
        peak = Peak(self.node)
        came = self.ask([0] * 6)
        grown = peak.grown()
        print(f"peak {grown // MIB} MiB above; {came}")
        self.assertIn("RESOURCE_EXHAUSTED", " ".join(map(str, came)))
        for answer in came:
            self.assertRegex(str(answer), "RESOURCE_EXHAUSTED|too many requests")
        self.assertLess(grown, ANSWERS + 64 * MIB)

    def test_several_that_just_fit_are_served_or_refused_within_the_bound(self):
        fits = ANSWER // MIB - 8
        peak = Peak(self.node)
        came = self.ask([fits] * 8)
        grown = peak.grown()
        print(f"peak {grown // MIB} MiB above; {came}")
        self.assertIn(fits, came)
        for answer in came:
            if answer != fits:
                self.assertRegex(answer, "RESOURCE_EXHAUSTED|too many requests")
        self.assertLess(grown, ANSWERS + 64 * MIB)
        # The memory of those that were sent is free again.
        self.assertEqual(self.ask([fits]), [fits])

    def test_in_pieces_it_is_all_there(self):
        seen, key = 0, b"g/"
        peak = Peak(self.node)
        with Client(self.node) as client:
            while True:
                page = client.kv.Range(etcdrpc.RangeRequest(key=key, range_end=b"g0", limit=64), timeout=60)
                seen += len(page.kvs)
                if not page.more:
                    break
                key = page.kvs[-1].key + b"\0"
        print(f"peak {peak.grown() // MIB} MiB above")
        self.assertEqual(seen, self.keys)


if __name__ == "__main__":
    suite.main()
