"""The server as a program: how it starts and refuses to, what it says, how it stops, and what a full disk does to it."""

import contextlib
import errno
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import types
import unittest

import grpc
from etcd3 import etcdrpc

from client import OPTIONS, Client, Writers, wait_for_equal_hashes
from cluster import Cluster, cairnd_from_environment, http_get, wait_for

MIB = 1 << 20
CAIRND = cairnd_from_environment()


@contextlib.contextmanager
def small_disk(directory, mebibytes):
    """A file system of its own in a directory, which it makes. Skips the test where mounting is not permitted."""
    directory.mkdir(parents=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(directory)], capture_output=True,
                             text=True, timeout=30, check=False)
    if mounted.returncode != 0:
        directory.rmdir()
        raise unittest.SkipTest(f"a file system cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield directory
    finally:
        # Lazily: whoever still holds it has been told to end, and a test that fails should say why, not "busy".
        subprocess.run(["umount", "--lazy", str(directory)], check=True, timeout=30)


def fill(directory, leave):
    """A file that takes all room but this much; removing it makes room."""
    ballast = directory / "ballast"
    with open(ballast, "wb") as file:
        while True:
            stat = os.statvfs(directory)
            try:
                os.posix_fallocate(file.fileno(), 0, stat.f_bavail * stat.f_frsize - leave)
                return ballast
            except OSError as error:
                # Somebody took some of it in between.
                if error.errno != errno.ENOSPC:
                    raise
                file.truncate(0)


class ProgramTest(unittest.TestCase):
    """What a person sees who types cairnd."""

    def run_cairnd(self, *arguments):
        return subprocess.run([CAIRND, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False)

    def test_version_shows_version_and_commit(self):
        result = self.run_cairnd("--version")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stdout, r"^cairnd \d+\.\d+\.\d+\S* \(commit [0-9a-f]{7,}\S*\)\n$")

    def test_an_unknown_flag_gets_the_nearest_name(self):
        for wrong, right in (("--data-dri", "--data-dir"), ("--listen-client-url=x", "--listen-client-urls"),
                             ("--snapshot-cuont", "--snapshot-count")):
            result = self.run_cairnd(wrong, "1")
            self.assertEqual(result.returncode, 2)
            self.assertIn(wrong.split("=")[0], result.stderr)
            self.assertIn(f"did you mean {right}?", result.stderr)

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


class RefusalTest(unittest.TestCase):
    """What keeps a node from starting: one sentence, an exit code, and nothing changed."""

    def refuses(self, node, *words, preexec=None):
        seen = len(node.log_text())
        node.start(preexec)
        code = node.wait(seconds=30)
        log = node.log_text()[seen:]
        self.assertEqual(code, 1, log)
        self.assertNotIn("serving", log)
        for word in words:
            self.assertIn(word, log)

    def test_a_directory_that_may_not_be_read(self):
        cluster = Cluster(CAIRND, nodes=1)
        node = cluster.nodes[0]
        try:
            node.data.mkdir(mode=0o700)
            as_nobody = None
            if os.geteuid() == 0:
                # Root may read everything. A copy of the binary, for the build may stand where nobody else may look.
                cluster.directory.chmod(0o755)
                cluster.binary = shutil.copy(CAIRND, cluster.directory / "cairnd")
                as_nobody = lambda: os.setuid(65534)
            else:
                node.data.chmod(0)
            self.refuses(node, "Permission denied", str(node.data), "must belong to the user that runs cairnd", preexec=as_nobody)
            node.data.chmod(0o700)
            self.assertEqual(os.listdir(node.data), [])
            node.start()
            cluster.wait_ready()
        finally:
            cluster.close()

    def test_a_directory_of_a_newer_format(self):
        with Cluster(CAIRND, nodes=1) as cluster:
            node = cluster.nodes[0]
            with Client(node) as client:
                client.put(b"k", b"v")
            node.signal(signal.SIGTERM)
            self.assertEqual(node.wait(), 0)
            identity = node.data / "identity"
            ours = identity.read_text()
            newer = re.sub(r"^format (\d+)", lambda match: f"format {int(match.group(1)) + 1}", ours)
            self.assertNotEqual(newer, ours)
            identity.write_text(newer)
            before = {path: path.stat().st_size for path in node.data.rglob("*")}
            self.refuses(node, str(identity), "start a newer cairnd")
            self.assertEqual({path: path.stat().st_size for path in node.data.rglob("*")}, before)
            self.assertEqual(identity.read_text(), newer)
            # It is the format that it minded.
            identity.write_text(ours)
            node.start()
            cluster.wait_ready()
            with Client(node) as client:
                self.assertEqual(client.get(b"k"), b"v")

    def test_a_disk_that_is_full_at_the_start(self):
        # Not a byte; not enough for the log; and each time it starts when there is room.
        for leave in (0, 64 * MIB):
            with self.subTest(leave=leave), contextlib.ExitStack() as stack:
                cluster = Cluster(CAIRND, nodes=1)
                stack.callback(cluster.close)
                node = cluster.nodes[0]
                disk = stack.enter_context(small_disk(cluster.directory / "disk", 300))
                node.data = disk / "data"
                ballast = fill(disk, leave)
                self.refuses(node, "No space left on device", "make room and start again")
                ballast.unlink()
                node.start()
                cluster.wait_ready()
                with Client(node) as client:
                    client.put(b"k", b"v")
                node.kill()


class StopTest(unittest.TestCase):
    def test_sigterm_to_the_leader_fails_no_request_of_a_client_that_fails_over(self):
        with Cluster(CAIRND) as cluster:
            for _ in range(3):
                leader = cluster.leader()
                others = [node for node in cluster.nodes if node is not leader]
                # gRPC's own failing over: the addresses in order, the leader first.
                client = types.SimpleNamespace(name="first-the-leader",
                                               client="ipv4:" + ",".join(node.client for node in [leader, *others]))
                with Writers([client, client, *others], b"stop/%s/" % leader.name.encode(), wait_for_ready=True) as writers:
                    writers.wait_for_more(100)
                    seen = len(leader.log_text())
                    leader.signal(signal.SIGTERM)
                    self.assertEqual(leader.wait(), 0)
                    self.assertIn("handed leadership over", leader.log_text()[seen:])
                    writers.wait_for_more(100)
                self.assertEqual(writers.errors, {})
                leader.start()
                cluster.wait_ready()
                for node in cluster.nodes:
                    self.assertEqual(writers.lost(node), [])

    def test_a_second_sigterm_ends_it_at_once(self):
        with Cluster(CAIRND) as cluster:
            leader = cluster.leader()
            others = [node for node in cluster.nodes if node is not leader]
            with Client(leader) as client:
                client.put(b"k", b"v")
            # So that the first one has something to wait for: nobody takes over.
            for node in others:
                node.signal(signal.SIGSTOP)
            seen = len(leader.log_text())
            leader.signal(signal.SIGTERM)
            wait_for(lambda: "stopping" in leader.log_text()[seen:], "it to have taken notice")
            self.assertIsNone(leader.process.poll())
            begun = time.monotonic()
            leader.signal(signal.SIGTERM)
            self.assertEqual(leader.wait(), 1)
            self.assertLess(time.monotonic() - begun, 0.5)
            self.assertNotIn("stopped", leader.log_text()[seen:])
            for node in others:
                node.signal(signal.SIGCONT)
            leader.start()
            cluster.wait_ready()
            for node in cluster.nodes:
                with Client(node) as client:
                    self.assertEqual(client.get(b"k"), b"v")


class FullDiskTest(unittest.TestCase):
    """A disk that fills up under a running node. The node may stop or even abort; the cluster may not care, and nothing may be lost."""

    @contextlib.contextmanager
    def cluster(self):
        cluster = Cluster(CAIRND)
        with contextlib.ExitStack() as stack:
            stack.callback(shutil.rmtree, cluster.directory)  # The last step: what is mounted cannot be removed.
            for node in cluster.nodes:
                disk = stack.enter_context(small_disk(cluster.directory / f"disk-{node.name}", 600))
                node.data = disk / "data"
            yield stack.enter_context(cluster)

    def wait_for_end(self, nodes, writers):
        """Until each has ended by itself; says how."""
        wait_for(lambda: all(node.process.poll() is not None for node in nodes),
                 lambda: f"a full disk to end {[node.name for node in nodes if node.process.poll() is None]}; "
                         f"{writers.count()} acknowledged, {writers.errors}", 60)
        for node in nodes:
            code = node.wait()
            last = [line for line in node.log_text().splitlines() if "No space left" in line or "ssert" in line]
            print(f"{node.name} ended with {code}: {last[:1]}", flush=True)
            self.assertNotEqual(code, 0)
            self.assertNotEqual(last, [], node.log_text()[-2000:])

    def comes_back(self, cluster, writers):
        cluster.wait_ready()
        writers.wait_for_more(100)
        writers.stop()
        wait_for_equal_hashes(cluster.nodes)
        for node in cluster.nodes:
            self.assertEqual(writers.lost(node), [], f"{node.name} lacks acknowledged writes")

    def one_of_three(self, leads, leave, value_bytes):
        with self.cluster() as cluster:
            leader = cluster.leader()
            victim = leader if leads else next(node for node in cluster.nodes if node is not leader)
            with Writers(cluster.nodes, b"full/", value_bytes=value_bytes) as writers:
                writers.wait_for_more(50)
                ballast = fill(victim.data.parent, leave)
                self.wait_for_end([victim], writers)
                writers.wait_for_more(100)
                ballast.unlink()
                victim.start()
                self.comes_back(cluster, writers)

    def test_the_leaders_disk(self):
        self.one_of_three(leads=True, leave=2 * MIB, value_bytes=16384)

    def test_a_followers_disk(self):
        self.one_of_three(leads=False, leave=12 * MIB, value_bytes=65536)

    def test_the_disk_of_the_log_alone(self):
        cluster = Cluster(CAIRND, extra=["--snapshot-count", "1000000"])
        with contextlib.ExitStack() as stack:
            stack.callback(shutil.rmtree, cluster.directory)
            victim = cluster.nodes[0]
            disk = stack.enter_context(small_disk(cluster.directory / "disk", 200))
            victim.extra = ["--wal-dir", str(disk / "log")]
            stack.enter_context(cluster)
            # Two segments of 64 MiB are there from the beginning, and there is no room for a third.
            with Writers(cluster.nodes, b"full/", value_bytes=262144) as writers:
                writers.wait_for_more(10)
                ballast = fill(disk, 1 * MIB)
                self.wait_for_end([victim], writers)
                writers.wait_for_more(100)
                ballast.unlink()
                victim.start()
                self.comes_back(cluster, writers)

    def test_all_three_disks(self):
        with self.cluster() as cluster:
            with Writers(cluster.nodes, b"full/", value_bytes=16384) as writers:
                writers.wait_for_more(50)
                ballasts = [fill(node.data.parent, 4 * MIB) for node in cluster.nodes]
                # When two have ended, the third gets nothing any more that could fill its disk.
                wait_for(lambda: sum(node.process.poll() is not None for node in cluster.nodes) >= 2,
                         lambda: f"full disks to end two nodes; {writers.count()} acknowledged, {writers.errors}", 60)
                for ballast in ballasts:
                    ballast.unlink()
                # As an operator does, or systemd: what has ended is started again. The third may still end when it is written to again:
                # RocksDB does not forget an error.
                ends = dict.fromkeys(cluster.nodes, 0)

                def all_serve():
                    for node in cluster.nodes:
                        if node.process.poll() is not None:
                            self.wait_for_end([node], writers)
                            ends[node] += 1
                            node.start()
                    return all(map(cluster.healthy, cluster.nodes))

                wait_for(all_serve, "all nodes to serve again", 60)
                self.assertLessEqual(max(ends.values()), 1, "a node ended again, with room on its disk")
                self.comes_back(cluster, writers)


if __name__ == "__main__":
    unittest.main(verbosity=2)
