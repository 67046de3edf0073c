"""The server as a program: how it refuses to start, what it says, how it stops."""

import os
import re
import shutil
import signal
import subprocess
import time
import types
import unittest

import suite
from client import Client, Writers
from cluster import Cluster, cairnd_from_environment, wait_for

CAIRND = cairnd_from_environment()


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


class RefusalTest(unittest.TestCase):
    """What keeps a node from starting: one sentence, an exit code, and nothing changed."""

    def refuses(self, node, *words, preexec=None):
        code, log = node.start_refused(preexec)
        self.assertEqual(code, 1, log)
        self.assertNotIn("serving", log)
        for word in words:
            self.assertIn(word, log)

    def test_a_port_that_another_program_has(self):
        with Cluster(CAIRND, nodes=1) as cluster:
            for port in ("client", "peer"):
                other = Cluster(CAIRND, nodes=1)
                taken = getattr(cluster.nodes[0], port)
                setattr(other.nodes[0], port, taken)
                try:
                    self.refuses(other.nodes[0], "cannot listen", taken, "stop what uses it", f"give other --listen-{port}-urls")
                finally:
                    other.close()

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


if __name__ == "__main__":
    suite.main()
