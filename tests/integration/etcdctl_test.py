"""Debian's etcdctl 3.4, unchanged, against a three-node cluster: what an operator does by hand and in scripts."""

import json
import os
import shutil
import subprocess
import unittest

import suite
from cluster import Cluster, cairnd_from_environment, wait_for


class EtcdctlTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        assert shutil.which("etcdctl"), "Debian's package etcd-client is missing"
        cls.cluster = Cluster(cairnd_from_environment())
        cls.addClassCleanup(cls.cluster.close)
        cls.cluster.__enter__()

    def ctl(self, *arguments, endpoints=None, stdin=None, check=True):
        result = subprocess.run(
            ["etcdctl", "--endpoints", endpoints or self.cluster.endpoints, *arguments],
            env={**os.environ, "ETCDCTL_API": "3"}, input=stdin, capture_output=True, text=True, timeout=30)
        if check:
            self.assertEqual(result.returncode, 0, result.stderr)
        return result

    def out(self, *arguments, **options):
        return self.ctl(*arguments, **options).stdout

    def json(self, *arguments, **options):
        return json.loads(self.out(*arguments, "-w", "json", **options))

    # --- put ---

    def test_put_answers_ok_and_get_prints_key_and_value(self):
        self.assertEqual(self.out("put", "put/a", "1"), "OK\n")
        self.assertEqual(self.out("get", "put/a"), "put/a\n1\n")

    def test_put_takes_its_value_from_standard_input(self):
        self.out("put", "put/stdin", stdin="line one\nline two")
        self.assertEqual(self.out("get", "put/stdin", "--print-value-only"), "line one\nline two\n")

    def test_put_prev_kv_shows_the_value_before(self):
        self.out("put", "put/prev", "old")
        self.assertEqual(self.out("put", "put/prev", "new", "--prev-kv"), "OK\nput/prev\nold\n")

    def test_put_ignore_value_keeps_the_value_and_raises_the_version(self):
        self.out("put", "put/keep", "value")
        self.out("put", "put/keep", "--ignore-value")
        kv = self.json("get", "put/keep")["kvs"][0]
        self.assertEqual(kv["version"], 2)
        self.assertEqual(self.out("get", "put/keep", "--print-value-only"), "value\n")

    def test_put_with_an_unknown_lease_is_refused(self):
        result = self.ctl("put", "put/lease", "x", "--lease=7b", check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("requested lease not found", result.stderr)
        self.assertEqual(self.out("get", "put/lease"), "")

    # --- get ---

    def fill(self, prefix, count=5):
        for i in range(count):
            self.out("put", f"{prefix}{i}", f"v{count - i}")

    def test_get_of_a_missing_key_prints_nothing_and_succeeds(self):
        self.assertEqual(self.out("get", "no such key"), "")

    def test_get_prefix_limit_order_and_sort(self):
        self.fill("get/")
        self.assertEqual(self.out("get", "get/", "--prefix", "--keys-only", "--limit", "2").split(), ["get/0", "get/1"])
        self.assertEqual(self.out("get", "get/", "--prefix", "--order=DESCEND", "--keys-only").split()[0], "get/4")
        self.assertEqual(
            self.out("get", "get/", "--prefix", "--sort-by=VALUE", "--order=ASCEND", "--keys-only").split()[0], "get/4")
        self.assertEqual(
            self.out("get", "get/", "--prefix", "--sort-by=MODIFY", "--order=DESCEND", "--limit=1", "--keys-only").split(),
            ["get/4"])

    def test_get_sorted_by_every_field_in_both_orders(self):
        # Each field orders the four keys in another way, and none in the reverse of another's.
        for key, value in (("c", "-"), ("a", "-"), ("d", "2"), ("b", "-"), ("c", "-"), ("c", "-"), ("a", "-"), ("c", "3"), ("a", "4"),
                           ("b", "1")):
            self.out("put", f"sort/{key}", value)
        for target, letters in (("KEY", "abcd"), ("CREATE", "cadb"), ("VERSION", "dbac"), ("MODIFY", "dcab"), ("VALUE", "bdca")):
            for order, expected in (("ASCEND", letters), ("DESCEND", letters[::-1])):
                with self.subTest(target=target, order=order):
                    found = self.out("get", "sort/", "--prefix", f"--sort-by={target}", f"--order={order}", "--keys-only").split()
                    self.assertEqual(found, [f"sort/{letter}" for letter in expected])
                    # The limit takes the first of that order, not the first keys.
                    found = self.out("get", "sort/", "--prefix", f"--sort-by={target}", f"--order={order}", "--limit=2", "--keys-only")
                    self.assertEqual(found.split(), [f"sort/{letter}" for letter in expected[:2]])

    def test_get_range_and_from_key(self):
        self.fill("zz/")
        self.assertEqual(self.out("get", "zz/1", "zz/3", "--keys-only").split(), ["zz/1", "zz/2"])
        self.assertEqual(self.out("get", "zz/3", "--from-key", "--keys-only").split(), ["zz/3", "zz/4"])

    def test_get_at_an_old_revision_shows_the_old_value(self):
        first = self.json("put", "rev/a", "old")["header"]["revision"]
        self.out("put", "rev/a", "new")
        self.assertEqual(self.out("get", "rev/a", f"--rev={first}", "--print-value-only"), "old\n")
        self.assertGreater(self.json("get", "rev/a", f"--rev={first}")["header"]["revision"], first)

    def test_get_at_a_future_revision_is_refused(self):
        result = self.ctl("get", "rev/a", "--rev=1000000", check=False)
        self.assertIn("required revision is a future revision", result.stderr)

    def test_get_serializable_and_linearizable_on_every_node(self):
        self.out("put", "every/node", "here")
        for node in self.cluster.nodes:
            for consistency in ([], ["--consistency=l"]):
                self.assertEqual(self.out("get", "every/node", "--print-value-only", *consistency, endpoints=node.client), "here\n")
            wait_for(lambda n=node: self.out("get", "every/node", "--consistency=s", "--print-value-only",
                                             endpoints=n.client) == "here\n", f"{node.name} to have the key")

    def test_without_a_majority_a_serializable_get_is_answered_and_a_linearizable_one_is_not(self):
        with Cluster(cairnd_from_environment()) as cluster:
            self.out("put", "alone", "here", endpoints=cluster.endpoints)
            alone = cluster.leader()
            wait_for(lambda: self.out("get", "alone", "--consistency=s", endpoints=alone.client), "the key at the leader")
            for node in cluster.nodes:
                if node is not alone:
                    node.kill()
            self.assertEqual(self.out("get", "alone", "--consistency=s", "--print-value-only", endpoints=alone.client), "here\n")
            result = self.ctl("get", "alone", "--consistency=l", "--command-timeout=2s", endpoints=alone.client, check=False)
            self.assertNotEqual(result.returncode, 0)
            self.assertEqual(result.stdout, "")

    # --- del ---

    def test_del_counts_and_shows_what_it_deleted(self):
        self.fill("del/", 3)
        self.assertEqual(self.out("del", "del/0"), "1\n")
        self.assertEqual(self.out("del", "del/", "--prefix", "--prev-kv"), "2\ndel/1\nv2\ndel/2\nv1\n")
        self.assertEqual(self.out("del", "del/0"), "0\n")

    def test_del_of_a_range_and_from_a_key_on(self):
        # Behind all keys of the other tests, as --from-key knows no end; and gone afterwards, as theirs knows none either.
        self.addCleanup(self.out, "del", "~del/", "--prefix")
        self.fill("~del/", 5)
        self.assertEqual(self.out("del", "~del/1", "~del/3"), "2\n")
        self.assertEqual(self.out("get", "~del/", "--prefix", "--keys-only").split(), ["~del/0", "~del/3", "~del/4"])
        self.assertEqual(self.out("del", "~del/3", "--from-key", "--prev-kv"), "2\n~del/3\nv2\n~del/4\nv1\n")
        self.assertEqual(self.out("get", "~del/", "--prefix", "--keys-only").split(), ["~del/0"])
        self.assertEqual(self.out("del", "~del/3", "~del/0"), "0\n")
        self.assertEqual(self.out("get", "~del/0", "--print-value-only"), "v5\n")

    # --- txn ---

    def test_txn_takes_the_branch_its_compares_choose(self):
        self.out("put", "txn/a", "1")
        self.assertEqual(
            self.out("txn", stdin='value("txn/a") = "1"\n\nput txn/b yes\nget txn/a\n\nput txn/b no\n\n'),
            "SUCCESS\n\nOK\n\ntxn/a\n1\n")
        self.assertEqual(
            self.out("txn", stdin='version("txn/a") > "7"\n\nput txn/b yes\n\nput txn/b no\nget txn/b\n\n'),
            "FAILURE\n\nOK\n\ntxn/b\nno\n")

    def test_txn_refuses_a_key_put_twice(self):
        result = self.ctl("txn", stdin="\nput txn/twice 1\nput txn/twice 2\n\n\n", check=False)
        self.assertIn("duplicate key given in txn request", result.stderr)
        self.assertEqual(self.out("get", "txn/twice"), "")

    def test_txn_creates_a_key_once(self):
        compare = 'create("txn/once") = "0"\n\nput txn/once mine\n\nget txn/once\n\n'
        self.assertTrue(self.out("txn", stdin=compare).startswith("SUCCESS"))
        self.assertEqual(self.out("txn", stdin=compare), "FAILURE\n\ntxn/once\nmine\n")

    # --- watch ---

    def watch(self, *arguments, until):
        """Runs a watch with a start revision until it has printed a line, so nothing depends on when it began."""
        process = subprocess.Popen(
            ["etcdctl", "--endpoints", self.cluster.endpoints, "watch", *arguments],
            env={**os.environ, "ETCDCTL_API": "3"}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        lines = []
        try:
            for line in process.stdout:
                lines.append(line.rstrip("\n"))
                if lines[-1] == until:
                    return lines
            self.fail(f"the watch ended: {lines} {process.stderr.read()}")
        finally:
            process.kill()
            process.wait(timeout=10)
            process.stdout.close()
            process.stderr.close()

    def test_watch_replays_history_and_goes_on(self):
        first = self.json("put", "watch/a", "1")["header"]["revision"]
        self.out("put", "watch/b", "2")
        self.out("del", "watch/a")
        self.out("put", "watch/end", "end")
        self.assertEqual(
            self.watch("watch/", "--prefix", f"--rev={first}", until="end"),
            ["PUT", "watch/a", "1", "PUT", "watch/b", "2", "DELETE", "watch/a", "", "PUT", "watch/end", "end"])

    def test_watch_shows_previous_values_when_asked(self):
        self.out("put", "watchp/a", "old")
        revision = self.json("put", "watchp/a", "new")["header"]["revision"]
        self.assertEqual(
            self.watch("watchp/a", "--prev-kv", f"--rev={revision}", until="new"),
            ["PUT", "watchp/a", "old", "watchp/a", "new"])

    def test_watch_from_before_the_compaction_is_cancelled_with_the_revision(self):
        first = self.json("put", "watchc/a", "1")["header"]["revision"]
        last = self.json("put", "watchc/a", "2")["header"]["revision"]
        self.out("compaction", str(last))
        result = self.ctl("watch", "watchc/a", f"--rev={first}", check=False)
        self.assertIn("watch was canceled (etcdserver: mvcc: required revision has been compacted)", result.stderr)

    # --- compaction ---

    def test_compaction_refuses_older_reads_and_its_own_repetition(self):
        first = self.json("put", "compact/a", "1")["header"]["revision"]
        last = self.json("put", "compact/a", "2")["header"]["revision"]
        self.assertEqual(self.out("compaction", str(last)), f"compacted revision {last}\n")
        self.assertIn("required revision has been compacted",
                      self.ctl("get", "compact/a", f"--rev={first}", check=False).stderr)
        self.assertEqual(self.out("get", "compact/a", f"--rev={last}", "--print-value-only"), "2\n")
        self.assertIn("required revision has been compacted", self.ctl("compaction", str(last), check=False).stderr)
        self.assertIn("required revision is a future revision", self.ctl("compaction", "1000000", check=False).stderr)

    def test_physical_compaction_answers(self):
        revision = self.json("put", "compact/p", "1")["header"]["revision"]
        self.assertEqual(self.out("compaction", "--physical", str(revision)), f"compacted revision {revision}\n")

    # --- the cluster ---

    def test_endpoint_health_says_healthy_for_every_node(self):
        result = self.ctl("endpoint", "health")
        self.assertEqual((result.stdout + result.stderr).count("is healthy"), len(self.cluster.nodes))

    def test_endpoint_status_agrees_on_one_leader(self):
        statuses = self.json("endpoint", "status")
        self.assertEqual(len(statuses), len(self.cluster.nodes))
        leaders = {status["Status"]["leader"] for status in statuses}
        members = {status["Status"]["header"]["member_id"] for status in statuses}
        self.assertEqual(len(leaders), 1)
        self.assertLessEqual(leaders, members)
        self.assertEqual(len(members), len(self.cluster.nodes))
        for status in statuses:
            self.assertRegex(status["Status"]["version"], r"^\d+\.\d+\.\d+$")
            self.assertGreater(status["Status"]["dbSize"], 0)

    def test_member_list_names_every_member_and_its_urls(self):
        members = self.json("member", "list")["members"]
        self.assertEqual(sorted(member["name"] for member in members), [node.name for node in self.cluster.nodes])
        self.assertEqual([member["ID"] for member in members], sorted(member["ID"] for member in members))
        urls = {member["name"]: (member["clientURLs"], member["peerURLs"]) for member in members}
        for node in self.cluster.nodes:
            self.assertEqual(urls[node.name], ([f"http://{node.client}"], [f"http://{node.peer}"]))

    def test_endpoint_hashkv_is_equal_on_all_nodes(self):
        self.out("put", "hash/a", "1")
        def hashes():
            answers = self.json("endpoint", "hashkv")
            return {(a["HashKV"]["hash"], a["HashKV"]["compact_revision"], a["HashKV"]["header"]["revision"]) for a in answers}
        wait_for(lambda: len(hashes()) == 1, "equal hashes")

    def test_move_leader(self):
        statuses = self.json("endpoint", "status")
        leader = statuses[0]["Status"]["leader"]
        target = next(s["Status"]["header"]["member_id"] for s in statuses if s["Status"]["header"]["member_id"] != leader)
        self.assertIn("Leadership transferred", self.out("move-leader", f"{target:x}"))
        wait_for(lambda: {s["Status"]["leader"] for s in self.json("endpoint", "status")} == {target}, "the new leader")


if __name__ == "__main__":
    suite.main()
