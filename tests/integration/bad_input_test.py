"""Nothing that arrives on a port stops a node: odd requests get etcd's refusal, garbage gets a closed connection."""

import random
import socket
import struct
import unittest

import grpc
from etcd3 import etcdrpc

import suite
from cluster import Cluster, cairnd_from_environment, http_get

EVERYTHING = b"\0"


class BadInputTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(cairnd_from_environment())
        cls.addClassCleanup(cls.cluster.close)
        cls.cluster.__enter__()
        cls.channel = grpc.insecure_channel(cls.cluster.nodes[0].client, options=[
            ("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)])
        cls.addClassCleanup(cls.channel.close)
        cls.kv = etcdrpc.KVStub(cls.channel)
        cls.watch = etcdrpc.WatchStub(cls.channel)

    def tearDown(self):
        """Whatever was sent: every process is still there, and the cluster still answers."""
        for node in self.cluster.nodes:
            self.assertIsNone(node.process.poll(), f"{node.name} ended")
        self.cluster.wait_ready()

    def refused(self, call, request, code, text):
        with self.assertRaises(grpc.RpcError) as caught:
            call(request, timeout=20)
        self.assertEqual(caught.exception.code(), code)
        self.assertEqual(caught.exception.details(), text)

    def test_empty_key(self):
        text = "etcdserver: key is not provided"
        invalid = grpc.StatusCode.INVALID_ARGUMENT
        self.refused(self.kv.Range, etcdrpc.RangeRequest(), invalid, text)
        self.refused(self.kv.Put, etcdrpc.PutRequest(value=b"x"), invalid, text)
        self.refused(self.kv.DeleteRange, etcdrpc.DeleteRangeRequest(), invalid, text)
        self.refused(self.kv.Txn, etcdrpc.TxnRequest(compare=[etcdrpc.Compare()]), invalid, text)

    def test_empty_operation_in_a_transaction(self):
        self.refused(self.kv.Txn, etcdrpc.TxnRequest(success=[etcdrpc.RequestOp()]), grpc.StatusCode.INVALID_ARGUMENT,
                     "etcdserver: key not found")

    def test_request_above_the_limit(self):
        self.refused(self.kv.Put, etcdrpc.PutRequest(key=b"big", value=b"x" * (1536 * 1024 + 1024)),
                     grpc.StatusCode.INVALID_ARGUMENT, "etcdserver: request is too large")

    def test_request_above_the_message_limit(self):
        with self.assertRaises(grpc.RpcError) as caught:
            self.kv.Put(etcdrpc.PutRequest(key=b"big", value=b"x" * (3 << 20)), timeout=20)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)

    def test_unknown_enum_values(self):
        odd = self.channel.unary_unary("/etcdserverpb.KV/Range", request_serializer=bytes,
                                       response_deserializer=etcdrpc.RangeResponse.FromString)
        for field in (5, 6):  # sort_order, sort_target
            request = b"\x0a\x01k" + bytes([field << 3]) + b"\x63"
            self.refused(odd, request, grpc.StatusCode.INVALID_ARGUMENT, "etcdserver: invalid sort option")
        compare = etcdrpc.TxnRequest(compare=[etcdrpc.Compare(key=b"k")]).SerializeToString()
        txn = self.channel.unary_unary("/etcdserverpb.KV/Txn", request_serializer=bytes,
                                       response_deserializer=etcdrpc.TxnResponse.FromString)
        # An unknown result counts as true, an unknown target as equal: etcd's rule, and no reason to fall over.
        txn(b"\x0a" + bytes([len(compare) - 2 + 2]) + b"\x08\x63" + compare[2:], timeout=20)

    def test_too_many_operations(self):
        operations = [etcdrpc.RequestOp(request_put=etcdrpc.PutRequest(key=b"k%d" % i)) for i in range(129)]
        self.refused(self.kv.Txn, etcdrpc.TxnRequest(success=operations), grpc.StatusCode.INVALID_ARGUMENT,
                     "etcdserver: too many operations in txn request")

    def test_range_end_below_the_key_is_empty(self):
        self.assertEqual(self.kv.Range(etcdrpc.RangeRequest(key=b"b", range_end=b"a"), timeout=20).count, 0)

    def test_a_delete_of_everything_with_an_ignore_value_put_in_one_transaction(self):
        self.kv.Put(etcdrpc.PutRequest(key=b"odd/1", value=b"x"), timeout=20)
        transaction = etcdrpc.TxnRequest(success=[
            etcdrpc.RequestOp(request_delete_range=etcdrpc.DeleteRangeRequest(key=b"odd/1", range_end=EVERYTHING)),
            etcdrpc.RequestOp(request_put=etcdrpc.PutRequest(key=b"odd/1", ignore_value=True))])
        self.refused(self.kv.Txn, transaction, grpc.StatusCode.INVALID_ARGUMENT,
                     "etcdserver: duplicate key given in txn request")

    def test_bytes_that_are_no_message(self):
        garbage = self.channel.unary_unary("/etcdserverpb.KV/Put", request_serializer=bytes, response_deserializer=bytes)
        with self.assertRaises(grpc.RpcError):
            garbage(b"\xff\xff\xff\xff", timeout=20)

    def test_unknown_method_is_unimplemented(self):
        unknown = self.channel.unary_unary("/etcdserverpb.KV/NoSuchCall", request_serializer=bytes, response_deserializer=bytes)
        with self.assertRaises(grpc.RpcError) as caught:
            unknown(b"", timeout=20)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNIMPLEMENTED)

    def test_an_empty_watch_request_is_ignored(self):
        requests = iter([etcdrpc.WatchRequest(),
                         etcdrpc.WatchRequest(create_request=etcdrpc.WatchCreateRequest(key=b"w"))])
        responses = self.watch.Watch(requests, timeout=20)
        self.assertTrue(next(responses).created)
        responses.cancel()

    def test_garbage_on_both_ports(self):
        random.seed(7)
        for address in (self.cluster.nodes[0].client, self.cluster.nodes[0].peer):
            host, port = address.split(":")
            for opening in (b"", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET ", b"\x16\x03\x01", struct.pack(">I", 2**31)):
                # A connection that says nothing we know is closed after 10 s; this one is to be closed before the deadline.
                with socket.create_connection((host, int(port)), timeout=20) as connection:
                    try:
                        connection.sendall(opening + random.randbytes(4096))
                        connection.shutdown(socket.SHUT_WR)
                        while connection.recv(65536):
                            pass
                    except TimeoutError:
                        self.fail(f"{address} keeps a connection open that began with {opening} and garbage")
                    except OSError:
                        pass  # Reset is as good as closed; shutdown() finds it as "not connected".

    def test_half_open_connections_keep_nobody_out(self):
        host, port = self.cluster.nodes[0].client.split(":")
        silent = [socket.create_connection((host, int(port)), timeout=10) for _ in range(200)]
        slow = [socket.create_connection((host, int(port)), timeout=10) for _ in range(50)]
        for connection in slow:
            connection.sendall(b"GET /hea")
        try:
            self.assertEqual(http_get(self.cluster.nodes[0].client, "/health")[0], 200)
            self.assertEqual(self.kv.Range(etcdrpc.RangeRequest(key=b"k"), timeout=20).count, 0)
        finally:
            for connection in silent + slow:
                connection.close()

    def test_http_on_the_client_port(self):
        address = self.cluster.nodes[0].client
        self.assertEqual(http_get(address, "/no/such/path")[0], 404)
        status, body = http_get(address, "/version")
        self.assertEqual(status, 200)
        self.assertIn("etcdserver", body)
        status, body = http_get(address, "/metrics")
        self.assertEqual(status, 200)
        self.assertIn("etcd_server_has_leader 1", body)


if __name__ == "__main__":
    suite.main()
