"""cairnd without a flag, on the ports that it takes then; skipped where somebody else has them."""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

import grpc
from etcd3 import etcdrpc

import suite
from client import OPTIONS
from cluster import cairnd_from_environment, dies_with_parent, http_get, wait_for

CAIRND = cairnd_from_environment()


class NoFlagsTest(unittest.TestCase):
    def test_without_flags_it_is_a_cluster_of_one_in_the_current_directory(self):
        for port in (2379, 2380):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError as error:
                    self.skipTest(f"port {port}, which cairnd takes without flags, cannot be had: {error}")
        directory = pathlib.Path(tempfile.mkdtemp(prefix="cairn-it-"))
        try:
            with open(directory / "log", "wb") as log:
                process = subprocess.Popen([CAIRND], cwd=directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                           preexec_fn=dies_with_parent(),
                                           env={name: value for name, value in os.environ.items() if not name.startswith("ETCD_")})
            try:
                def serves():
                    self.assertIsNone(process.poll(), (directory / "log").read_text())
                    with contextlib.suppress(OSError):
                        return http_get("127.0.0.1:2379", "/health")[0] == 200
                wait_for(serves, lambda: f"127.0.0.1:2379 to serve:\n{(directory / 'log').read_text()}")
                with grpc.insecure_channel("127.0.0.1:2379", options=OPTIONS) as channel:
                    kv = etcdrpc.KVStub(channel)
                    self.assertEqual(kv.Put(etcdrpc.PutRequest(key=b"k", value=b"v"), timeout=20).header.revision, 2)
                    self.assertEqual(kv.Range(etcdrpc.RangeRequest(key=b"k"), timeout=20).kvs[0].value, b"v")
                self.assertTrue((directory / "default.cairn" / "identity").exists(), os.listdir(directory))
                process.send_signal(signal.SIGTERM)
                self.assertEqual(process.wait(timeout=30), 0)
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait(timeout=30)
        finally:
            shutil.rmtree(directory)


if __name__ == "__main__":
    suite.main()
