"""`./dev up` and its companions, as a newcomer types them, on ports and state of their own."""

import contextlib
import os
import pathlib
import random
import re
import shutil
import socket
import subprocess
import tempfile
import unittest

import suite

ROOT = pathlib.Path(__file__).resolve().parents[2]


def free_base_port():
    """A CAIRN_DEV_PORT whose three nodes find their ports free: node i above the first uses i * 10000 + port, and the next.

    All of them are below the ports that the kernel gives to whoever asks for none (32768 and up), and away from the defaults.
    """
    for _ in range(100):
        port = random.SystemRandom().randrange(1024, 2300, 2)
        with contextlib.ExitStack() as stack:
            try:
                for each in (port, 20000 + port, 30000 + port):
                    for peer in (0, 1):
                        stack.enter_context(socket.socket()).bind(("127.0.0.1", each + peer))
            except OSError:
                continue
            return port
    raise AssertionError("of a hundred, no CAIRN_DEV_PORT has all its ports free")


class DevTest(unittest.TestCase):
    def setUp(self):
        self.state = tempfile.mkdtemp(prefix="cairn-dev-")
        self.port = free_base_port()

    def tearDown(self):
        self.dev("down", check=False)
        shutil.rmtree(self.state, ignore_errors=True)

    def dev(self, *arguments, check=True):
        result = subprocess.run(
            [str(ROOT / "dev"), *arguments], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=600, check=False,
            env={**os.environ, "CAIRN_DEV_STATE": self.state, "CAIRN_DEV_PORT": str(self.port), "PAGER": "cat"})
        if check:
            self.assertEqual(result.returncode, 0, result.stdout)
        return result.stdout

    def test_up_shows_put_get_and_watch_and_the_other_verbs_follow(self):
        shown = self.dev("up", "--data", f"{self.state}/data")
        self.assertRegex(shown, r"\d+ packages loaded")
        counts = re.findall(r"node \d: (\d+) keys under /packages/", shown)
        self.assertEqual(len(counts), 3)
        self.assertEqual(len(set(counts)), 1)
        self.assertGreater(int(counts[0]), 50)
        for line in ("PUT", "hello again", "DELETE", "./dev down"):
            self.assertIn(line, shown)

        # Twice is harmless.
        self.assertEqual(self.dev("up", "--data", f"{self.state}/data").count("already running"), 3)

        self.dev("kill", "1")
        self.assertIn("node 1: stopped", self.dev("status"))
        self.dev("restart", "1")
        self.assertEqual(self.dev("status").count("running, pid"), 3)
        self.assertTrue(self.dev("logs", "1"))
        self.assertIn("stopped", self.dev("down"))

    def test_a_port_in_use_gets_a_sentence(self):
        self.dev("up", "--nodes", "1", "--data", f"{self.state}/data")
        other = tempfile.mkdtemp(prefix="cairn-dev-")
        try:
            result = subprocess.run(
                [str(ROOT / "dev"), "up", "--nodes", "1", "--data", f"{other}/data"], cwd=ROOT, capture_output=True, text=True,
                timeout=600, env={**os.environ, "CAIRN_DEV_STATE": other, "CAIRN_DEV_PORT": str(self.port)}, check=False)
            self.assertNotEqual(result.returncode, 0)
            self.assertIn(f"port {self.port} is in use by another program", result.stderr)
        finally:
            shutil.rmtree(other, ignore_errors=True)

    def test_a_wrong_word_gets_help(self):
        self.assertIn("there is no verb", self.dev("pu", check=False))
        self.assertIn("--nodes takes a number", self.dev("up", "--nodes", "many", check=False))


if __name__ == "__main__":
    suite.main()
