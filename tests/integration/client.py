"""What the tests do to a cluster over gRPC: plain calls at one node, and writers that never stop.

The stubs are those of Debian's python3-etcd3; what it has not (HashKV) is decoded by hand.
"""

import hashlib
import threading

import grpc
from etcd3 import etcdrpc

from cluster import wait_for

OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    # A node that comes back is found within a moment; and a channel of a killed node is nobody else's.
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 200),
    ("grpc.use_local_subchannel_pool", 1),
]


def prefix_end(prefix):
    return prefix[:-1] + bytes([prefix[-1] + 1])


def filler(key, size):
    """The value that belongs to a key: at least `size` bytes that no compression makes smaller."""
    return key + b"=" + hashlib.shake_128(key).digest(max(1, size - len(key) - 1))


class Client:
    """Plain stubs of one node, with a deadline on every call."""

    def __init__(self, node):
        self.channel = grpc.insecure_channel(node.client, options=OPTIONS)
        self.kv = etcdrpc.KVStub(self.channel)
        self.maintenance = etcdrpc.MaintenanceStub(self.channel)
        self.cluster = etcdrpc.ClusterStub(self.channel)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()

    def put(self, key, value, seconds=20):
        return self.kv.Put(etcdrpc.PutRequest(key=key, value=value), timeout=seconds, wait_for_ready=True).header.revision

    def put_many(self, pairs):
        """One transaction, so one revision; at most 128 pairs."""
        return self.kv.Txn(etcdrpc.TxnRequest(success=[
            etcdrpc.RequestOp(request_put=etcdrpc.PutRequest(key=key, value=value)) for key, value in pairs]),
            timeout=20, wait_for_ready=True).header.revision

    def get(self, key, serializable=False):
        answer = self.kv.Range(etcdrpc.RangeRequest(key=key, serializable=serializable), timeout=20, wait_for_ready=True)
        return answer.kvs[0].value if answer.kvs else None

    def member_names(self):
        """Of those that have announced themselves."""
        answer = self.cluster.MemberList(etcdrpc.MemberListRequest(), timeout=20, wait_for_ready=True)
        return {member.name for member in answer.members if member.name}

    def count(self, prefix, serializable=False):
        return self.kv.Range(etcdrpc.RangeRequest(key=prefix, range_end=prefix_end(prefix), count_only=True,
                                                  serializable=serializable), timeout=20, wait_for_ready=True).count

    def keys(self, prefix, serializable=False):
        """The keys below a prefix, in pages: {key: mod_revision}."""
        found, key, end = {}, prefix, prefix_end(prefix)
        while True:
            page = self.kv.Range(etcdrpc.RangeRequest(key=key, range_end=end, keys_only=True, limit=10000,
                                                      serializable=serializable), timeout=30, wait_for_ready=True)
            found.update((kv.key, kv.mod_revision) for kv in page.kvs)
            if not page.more:
                return found
            key = page.kvs[-1].key + b"\0"

    def hash(self):
        """(revision hashed at, hash) of HashKV."""
        call = self.channel.unary_unary("/etcdserverpb.Maintenance/HashKV", request_serializer=bytes,
                                        response_deserializer=etcdrpc.HashResponse.FromString)
        answer = call(b"", timeout=20, wait_for_ready=True)
        return answer.header.revision, answer.hash


def hashes(nodes):
    result = []
    for node in nodes:
        with Client(node) as client:
            result.append((node.name, *client.hash()))
    return result


def wait_for_equal_hashes(nodes, seconds=30):
    """REQUIRES: nobody writes. Every node is to reach the same revision, and the same hash of all up to it."""
    seen = []

    def equal():
        seen[:] = hashes(nodes)
        return len({(revision, value) for _, revision, value in seen}) == 1

    wait_for(equal, lambda: f"the same revision and HashKV on every node; they are {seen}", seconds)


class Writers:
    """One thread per node, which writes numbered keys through its node only and never pauses while it is answered.

    A node may be named more than once, for as many threads. Every key is written once, with filler() of it as value:
    <prefix><node>.<thread>/<number>. So what an acknowledgement, a watch or a read says about a key can be checked alone. A write
    without an answer may take effect at any later time, or never: its key is in `unknown`, and is not written again.
    """

    def __init__(self, nodes, prefix, value_bytes=0, seconds=10, wait_for_ready=False):
        self.prefix, self.value_bytes = prefix, value_bytes
        self.how = {"timeout": seconds, "wait_for_ready": wait_for_ready}
        self.acknowledged = {}  # Revision: key.
        self.unknown = set()
        self.errors = {}  # Text: how often.
        self.violations = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(node, i), name=f"writer-{node.name}.{i}")
                         for i, node in enumerate(nodes)]

    def value(self, key):
        return filler(key, self.value_bytes)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=60)
            assert not thread.is_alive(), f"{thread.name} hangs"
        assert not self.violations, self.violations

    def count(self):
        return len(self.acknowledged)

    def lost(self, node):
        """Acknowledged keys that the node, by its own state, does not have at their revision."""
        with Client(node) as client:
            found = client.keys(self.prefix, serializable=True)
        return [key for revision, key in self.acknowledged.items() if found.get(key) != revision]

    def wait_for_more(self, count, seconds=30):
        goal = self.count() + count
        wait_for(lambda: self.count() >= goal,
                 lambda: f"{count} more acknowledged writes: {self.count()} of {goal}; errors: {self.errors}", seconds)

    def _wait_until_connected(self, client):
        """For a moment at most. A dead node refuses at once, so a loop without a pause would only burn the CPU; and gRPC gets on with
        a new connection only while somebody waits for it: calls that fail at once never see one."""
        try:
            grpc.channel_ready_future(client.channel).result(timeout=1)
        except grpc.FutureTimeoutError:
            pass
        self._stop.wait(0.05)

    def _write(self, node, thread):
        number = 0
        with Client(node) as client:
            while not self._stop.is_set():
                key = b"%s%s.%d/%07d" % (self.prefix, node.name.encode(), thread, number)
                number += 1
                try:
                    revision = client.kv.Put(etcdrpc.PutRequest(key=key, value=self.value(key)), **self.how).header.revision
                except grpc.RpcError as error:
                    self.unknown.add(key)
                    text = f"{node.name} {error.code().name}: {error.details()}"
                    self.errors[text] = self.errors.get(text, 0) + 1
                    self._wait_until_connected(client)
                    continue
                other = self.acknowledged.setdefault(revision, key)
                if other != key:
                    self.violations.append(f"revision {revision} was acknowledged for {other} and for {key}")
