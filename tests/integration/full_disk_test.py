"""Disks that are full, or fill up under a running node. Needs the right to mount, and is skipped without it."""

import contextlib
import errno
import os
import shutil
import subprocess
import unittest

import suite
from client import Client, Writers, wait_for_equal_hashes
from cluster import Cluster, cairnd_from_environment, wait_for

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


class FullAtTheStartTest(unittest.TestCase):
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
                code, log = node.start_refused()
                self.assertEqual(code, 1, log)
                self.assertNotIn("serving", log)
                self.assertIn("No space left on device", log)
                self.assertIn("make room and start again", log)
                ballast.unlink()
                node.start()
                cluster.wait_ready()
                with Client(node) as client:
                    client.put(b"k", b"v")
                node.kill()


class FullDiskTest(unittest.TestCase):
    """A disk that fills up under a running node. The node ends; the cluster may not care, and nothing may be lost."""

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
        """Until each has ended by itself; with exit code 1 and the reason."""
        wait_for(lambda: all(node.process.poll() is not None for node in nodes),
                 lambda: f"a full disk to end {[node.name for node in nodes if node.process.poll() is None]}; "
                         f"{writers.count()} acknowledged, {writers.errors}", 60)
        for node in nodes:
            code = node.wait()
            reasons = [line for line in node.log_text().splitlines() if "No space left" in line]
            print(f"{node.name} ended with {code}: {reasons[:1]}", flush=True)
            self.assertEqual(code, 1, node.log_text()[-2000:])
            self.assertNotEqual(reasons, [], node.log_text()[-2000:])

    def comes_back(self, cluster, writers):
        cluster.wait_ready()
        writers.wait_for_more(100)
        writers.stop()
        self.all_is_there(cluster, writers)

    def all_is_there(self, cluster, writers):
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
                writers.wait_for_more(20)
                # There will be room for one more segment, and this log is not released: what it missed has to fit.
                writers.stop()
                ballast.unlink()
                victim.start()
                cluster.wait_ready()
                with Client(victim) as client:
                    client.put(b"after", b"x")
                self.all_is_there(cluster, writers)

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
    suite.main()
