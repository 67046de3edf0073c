"""The real cairnctl against cairnd: a watch that survives the death of its node, and every command once with its exit code."""

import base64
import json
import os
import re
import signal
import subprocess
import threading
import unittest

import suite
from client import Client, Writers
from cluster import Cluster, cairnd_from_environment, free_ports, wait_for

CAIRNCTL = os.environ["CAIRNCTL"]


def environment():
    return {name: value for name, value in os.environ.items() if not name.startswith(("ETCDCTL_", "CAIRNCTL_"))}


def connected_ports(pid):
    """Ports of 127.0.0.1 that the process has established connections to, as the kernel knows it."""
    inodes = set()
    for descriptor in os.listdir(f"/proc/{pid}/fd"):
        try:
            match = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(f"/proc/{pid}/fd/{descriptor}"))
        except FileNotFoundError:
            continue  # Closed meanwhile.
        if match:
            inodes.add(match.group(1))
    ports = set()
    for table, loopback in (("tcp", "0100007F"), ("tcp6", "0000000000000000FFFF00000100007F")):
        with open(f"/proc/net/{table}", encoding="ascii") as lines:
            for fields in map(str.split, lines):
                if fields[3] == "01" and fields[9] in inodes:
                    host, port = fields[2].split(":")
                    if host == loopback:
                        ports.add(int(port, 16))
    return ports


class Watch:
    """`cairnctl watch ... -w json` and the events that it has printed so far."""

    def __init__(self, cluster, *arguments):
        self.cluster = cluster
        self.process = subprocess.Popen(
            [CAIRNCTL, "--endpoints", cluster.endpoints, "watch", *arguments, "-w", "json"], env=environment(),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.events = []  # (mod_revision, key, value), in the order printed.
        self.odd = []  # Lines that are not puts.
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self):
        for line in self.process.stdout:
            try:
                for event in json.loads(line)["Events"]:
                    assert "type" not in event, "not a put"
                    kv = event["kv"]
                    self.events.append((kv["mod_revision"], base64.b64decode(kv["key"]), base64.b64decode(kv["value"])))
            except (AssertionError, KeyError, ValueError) as error:
                self.odd.append(f"{error!r}: {line[:300]}")

    def node(self, seconds=20):
        """The node that serves the watch, which is to be the cluster's only one: connected to it, and it has a watch.

        After a change of leader the client may still be connected to a node that refused it.
        """
        seen = []

        def find():
            assert self.process.poll() is None, f"the watch ended by itself: {self.process.returncode} {self.process.stderr.read()}"
            ports = connected_ports(self.process.pid)
            seen[:] = [node for node in self.cluster.nodes if node.process is not None and int(node.client.split(":")[1]) in ports
                       and node.metric("etcd_debugging_mvcc_watcher_total") == 1]
            return len(seen) == 1

        wait_for(find, lambda: f"one node to serve the watch; now {[node.name for node in seen]} of those it is connected to do", seconds)
        return seen[0]

    def wait_for_revision(self, revision, seconds=30):
        wait_for(lambda: self.events and self.events[-1][0] >= revision,
                 lambda: f"revision {revision} in the watch, which is at {self.events[-1:]} after {len(self.events)} events; "
                         f"odd: {self.odd}; exit code: {self.process.poll()}", seconds)

    def close(self):
        """Ends it; returns what it wrote to standard error."""
        self.process.terminate()
        code = self.process.wait(timeout=10)
        self.thread.join(timeout=10)
        error = self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()
        return code, error


class CairnctlWatchTest(unittest.TestCase):
    def check(self, watch, writers, first, last):
        """Events of every revision from first to last, once, in order, and what was written."""
        self.assertEqual(watch.odd, [])
        revisions = [revision for revision, _, _ in watch.events]
        self.assertEqual(len(set(revisions)), len(revisions), "a revision came twice")
        self.assertEqual(revisions, list(range(first, revisions[-1] + 1)), "revisions are not consecutive")
        self.assertGreaterEqual(revisions[-1], last)
        keys = [key for _, key, _ in watch.events]
        self.assertEqual(len(set(keys)), len(keys), "a key that was written once came twice")
        for revision, key, value in watch.events:
            self.assertEqual(value, writers.value(key))
            if revision in writers.acknowledged:
                self.assertEqual(key, writers.acknowledged[revision])
            else:
                self.assertIn(key, writers.unknown, f"revision {revision} was acknowledged to nobody")

    def its_node_is_killed_three_times(self, from_revision):
        with Cluster(cairnd_from_environment()) as cluster:
            with Client(cluster.nodes[0]) as client:
                base = client.put(b"before", b"x")
            watch = Watch(cluster, "--prefix", "w/", *(["--rev", str(base + 1)] if from_revision else []))
            try:
                with Writers(cluster.nodes, b"w/") as writers:
                    for _ in range(3):
                        victim = watch.node()
                        writers.wait_for_more(100)
                        watch.wait_for_revision(base + 1)  # It had begun before its node died.
                        victim.kill()
                        # The others go on without it, and the watch with them.
                        writers.wait_for_more(100)
                        watch.wait_for_revision(max(writers.acknowledged))
                        self.assertIsNot(watch.node(), victim)
                        victim.start()
                        cluster.wait_ready([victim])
                    writers.wait_for_more(100)
                # Nobody writes any more, so this write has the last revision but for writes whose fate was unknown.
                with Client(cluster.nodes[0]) as client:
                    last = client.put(b"w/end", writers.value(b"w/end"))
                writers.acknowledged[last] = b"w/end"
                watch.wait_for_revision(last)
                self.check(watch, writers, base + 1 if from_revision else watch.events[0][0], last)
                print(f"{len(watch.events)} events, {writers.count()} acknowledged, {len(writers.unknown)} unknown; last revision {last}")
            finally:
                _, error = watch.close()
            self.assertNotIn("Error", error)

    def test_a_watch_from_a_revision_loses_and_repeats_nothing_when_its_node_is_killed(self):
        self.its_node_is_killed_three_times(from_revision=True)

    def test_a_watch_from_now_on_loses_and_repeats_nothing_when_its_node_is_killed(self):
        self.its_node_is_killed_three_times(from_revision=False)

    def test_a_watch_from_now_on_that_saw_nothing_yet_misses_nothing_when_its_node_is_killed(self):
        with Cluster(cairnd_from_environment()) as cluster:
            watch = Watch(cluster, "--prefix", "q/")
            try:
                victim = watch.node()
                # cairnctl does not say when it has been told where "now" is; the answer to a later request is certainly later.
                with Client(victim) as client:
                    client.put(b"elsewhere", b"x")
                others = [node for node in cluster.nodes if node is not victim]
                watch.process.send_signal(signal.SIGSTOP)
                victim.kill()
                with Client(others[0]) as client:
                    first = client.put(b"q/1", b"one")
                    last = client.put(b"q/2", b"two")
                watch.process.send_signal(signal.SIGCONT)
                watch.wait_for_revision(last)
                self.assertEqual(watch.events, [(first, b"q/1", b"one"), (last, b"q/2", b"two")])
                self.assertEqual(watch.odd, [])
            finally:
                watch.process.send_signal(signal.SIGCONT)
                watch.close()


class CairnctlCommandsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(cairnd_from_environment())
        cls.addClassCleanup(cls.cluster.close)
        cls.cluster.__enter__()

    def ctl(self, *arguments, code=0, endpoints=None, stdin=None, stdin_file=None, stdout=subprocess.PIPE):
        result = subprocess.run([CAIRNCTL, "--endpoints", endpoints or self.cluster.endpoints, *arguments], env=environment(),
                                input=stdin, stdin=stdin_file, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=30, check=False)
        self.assertEqual(result.returncode, code, f"{arguments}: {result.stdout}{result.stderr}")
        return result

    def out(self, *arguments, **options):
        return self.ctl(*arguments, **options).stdout

    def json(self, *arguments, **options):
        return json.loads(self.out(*arguments, "-w", "json", **options))

    def test_put_get_del(self):
        self.assertEqual(self.out("put", "pgd/a", "1"), "OK\n")
        self.assertEqual(self.out("put", "pgd/b", stdin="from standard input"), "OK\n")
        self.assertEqual(self.out("put", "pgd/a", "2", "--prev-kv"), "OK\npgd/a\n1\n")
        for node in self.cluster.nodes:
            self.assertEqual(self.out("get", "pgd/a", endpoints=node.client), "pgd/a\n2\n")
        self.assertEqual(self.out("get", "pgd/", "--prefix", "--print-value-only"), "2\nfrom standard input\n")
        self.assertEqual(self.out("get", "pgd/", "--prefix", "--keys-only", "--order", "DESCEND").split(), ["pgd/b", "pgd/a"])
        self.assertEqual(self.out("get", "pgd/none"), "")
        self.assertEqual(self.out("del", "pgd/", "--prefix", "--prev-kv"), "2\npgd/a\n2\npgd/b\nfrom standard input\n")
        self.assertEqual(self.out("del", "pgd/a"), "0\n")

    def test_a_put_whose_standard_input_cannot_be_read_changes_nothing(self):
        self.out("put", "unread", "before")
        directory = os.open("/", os.O_RDONLY)
        try:
            refused = self.ctl("put", "unread", stdin_file=directory, code=128)
        finally:
            os.close(directory)
        self.assertIn("cannot read the value from standard input: Is a directory", refused.stderr)
        self.assertEqual(self.out("get", "unread", "--print-value-only"), "before\n")

    def test_output_that_cannot_be_written_is_an_error(self):
        revision = self.json("put", "unwritten", "x")["header"]["revision"]
        with open("/dev/full", "wb") as full:
            for arguments in (["get", "unwritten"], ["put", "unwritten", "y"], ["endpoint", "health"], ["endpoint", "status"],
                              ["watch", "unwritten", "--rev", str(revision)], ["version"]):
                with self.subTest(arguments):
                    self.assertIn("cannot write to standard output: No space left on device",
                                  self.ctl(*arguments, code=1, stdout=full).stderr)

    def test_txn(self):
        self.out("put", "txn/a", "1")
        self.assertEqual(self.out("txn", stdin='value("txn/a") = "1"\n\nput txn/b yes\nget txn/a\n\nput txn/b no\n\n'),
                         "SUCCESS\n\nOK\n\ntxn/a\n1\n")
        self.assertEqual(self.out("txn", stdin='version("txn/a") > "7"\n\nput txn/b yes\n\nget txn/b\n\n'),
                         "FAILURE\n\ntxn/b\nyes\n")
        self.assertIn("duplicate key given in txn request",
                      self.ctl("txn", stdin="\nput txn/t 1\nput txn/t 2\n\n\n", code=1).stderr)
        self.ctl("txn", stdin="no comparison\n\n\n\n", code=3)

    def test_compaction_and_old_revisions(self):
        first = self.json("put", "compact/a", "1")["header"]["revision"]
        last = self.json("put", "compact/a", "2")["header"]["revision"]
        self.assertEqual(self.out("get", "compact/a", "--rev", str(first), "--print-value-only"), "1\n")
        self.assertEqual(self.out("compaction", str(last)), f"compacted revision {last}\n")
        self.assertIn("has been compacted", self.ctl("get", "compact/a", "--rev", str(first), code=1).stderr)
        self.assertIn("has been compacted", self.ctl("compaction", str(last), code=1).stderr)
        self.assertIn("future revision", self.ctl("compaction", "1000000", code=1).stderr)
        # A watch from before it ends with the revision that helps.
        self.assertIn(f"--rev {last}", self.ctl("watch", "compact/a", "--rev", str(first), code=5).stderr)

    def test_the_cluster(self):
        members = self.json("member", "list")["members"]
        self.assertEqual(sorted(member["name"] for member in members), [node.name for node in self.cluster.nodes])
        statuses = self.json("endpoint", "status")
        self.assertEqual({status["Endpoint"] for status in statuses}, set(self.cluster.endpoints.split(",")))
        self.assertEqual(len({status["Status"]["leader"] for status in statuses}), 1)
        health = self.ctl("endpoint", "health")
        self.assertEqual((health.stdout + health.stderr).count("is healthy"), 3)
        self.out("put", "hash/a", "1")
        wait_for(lambda: len({(a["HashKV"]["hash"], a["HashKV"]["header"]["revision"])
                              for a in self.json("endpoint", "hashkv")}) == 1, "equal hashes")

    def test_a_node_that_is_not_there(self):
        nowhere = f"127.0.0.1:{free_ports(1)[0]}"
        refused = self.ctl("get", "a", endpoints=nowhere, code=1).stderr
        self.assertIn(nowhere, refused)
        self.assertIn("try:", refused)
        # Beside nodes that are there it is no trouble to a command, and an unhealthy line to health.
        both = f"{nowhere},{self.cluster.nodes[0].client}"
        self.out("put", "beside", "1", endpoints=both)
        self.assertEqual(self.out("get", "beside", "--print-value-only", endpoints=both), "1\n")
        health = self.ctl("endpoint", "health", endpoints=both, code=1)
        self.assertRegex(health.stdout + health.stderr, rf"{nowhere} is unhealthy")
        self.assertRegex(health.stdout + health.stderr, rf"{self.cluster.nodes[0].client} is healthy")

    def test_wrong_usage(self):
        self.ctl("get", code=128)
        self.ctl("put", code=128)
        self.ctl("get", "a", "-w", "bogus", code=4)
        self.ctl("no-such-command", code=1)
        self.ctl("get", "a", "--no-such-flag", code=1)
        self.assertIn("cairnctl", self.out("version"))
        self.assertIn("watch", self.out("help"))


if __name__ == "__main__":
    suite.main()
