"""Memory stays bounded: a watcher that never reads beside a writer at full speed, and ranges larger than fits."""

import unittest

import grpc
from etcd3 import etcdrpc

from cluster import Cluster, cairnd_from_environment

MIB = 1 << 20


def resident(node):
    """Bytes of RAM the node's process holds."""
    with open(f"/proc/{node.process.pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


class BoundedMemoryTest(unittest.TestCase):
    def test_a_watcher_that_never_reads_costs_no_memory(self):
        with Cluster(cairnd_from_environment(), nodes=1) as cluster:
            node = cluster.nodes[0]
            with grpc.insecure_channel(node.client) as channel:
                kv = etcdrpc.KVStub(channel)
                # After the first response nothing is read: the client's flow-control window fills, and stays full.
                responses = etcdrpc.WatchStub(channel).Watch(
                    iter([etcdrpc.WatchRequest(create_request=etcdrpc.WatchCreateRequest(key=b"m/", range_end=b"m0"))]),
                    timeout=300)
                self.assertTrue(next(responses).created)
                value = b"x" * 65536
                def write(megabytes):
                    for i in range(megabytes * MIB // len(value)):
                        kv.Put(etcdrpc.PutRequest(key=b"m/%d" % (i % 64), value=value), timeout=30)
                write(640)  # Memtables, the log's tail in memory and the event ring are full by now.
                before = resident(node)
                write(640)
                grown = resident(node) - before
                responses.cancel()
            # Memtables come and go by 64 MiB; a queue would have grown by all that was written.
            self.assertLess(grown, 160 * MIB, f"grew by {grown // MIB} MiB")

    def test_a_gigantic_range_is_refused_or_assembled_within_bounds(self):
        with Cluster(cairnd_from_environment(), nodes=1) as cluster:
            node = cluster.nodes[0]
            options = [("grpc.max_receive_message_length", -1)]
            with grpc.insecure_channel(node.client, options=options) as channel:
                kv = etcdrpc.KVStub(channel)
                value = b"x" * MIB
                for i in range(1024):
                    kv.Put(etcdrpc.PutRequest(key=b"g/%04d" % i, value=value), timeout=30)
                before = resident(node)
                with self.assertRaises(grpc.RpcError) as caught:
                    kv.Range(etcdrpc.RangeRequest(key=b"g/", range_end=b"g0"), timeout=60)
                self.assertEqual(caught.exception.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
                grown = resident(node) - before
                self.assertLess(grown, 400 * MIB, f"grew by {grown // MIB} MiB")
                # In pieces it is all there.
                seen, key = 0, b"g/"
                while True:
                    page = kv.Range(etcdrpc.RangeRequest(key=key, range_end=b"g0", limit=64), timeout=60)
                    seen += len(page.kvs)
                    if not page.more:
                        break
                    key = page.kvs[-1].key + b"\0"
                self.assertEqual(seen, 1024)


if __name__ == "__main__":
    unittest.main(verbosity=2)
