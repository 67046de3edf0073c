"""The commands in README.md, run as they stand there, against a cluster of the test's own."""

import os
import pathlib
import re
import subprocess
import unittest

import suite
from cluster import Cluster, cairnd_from_environment

ROOT = pathlib.Path(__file__).resolve().parents[2]


def commands():
    """Every line of every sh block, without its remark."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        for line in block.splitlines():
            line = re.sub(r"\s{2,}#.*$", "", line).strip()
            if line and not line.startswith("#"):
                yield line


class ReadmeTest(unittest.TestCase):
    def test_cairnctl_commands_work_in_order(self):
        cairnctl = os.environ["CAIRNCTL"]
        ran = 0
        old = None
        with Cluster(cairnd_from_environment()) as cluster:
            environment = {**os.environ, "CAIRNCTL_ENDPOINTS": cluster.endpoints,
                           "PATH": f"{os.path.dirname(cairnctl)}:{os.environ['PATH']}"}
            # The store is not empty after `./dev up`, so no command may count on a revision.
            subprocess.run([cairnctl, "put", "/packages/bash", "5.2"], env=environment, check=True, capture_output=True, timeout=60)
            for line in commands():
                # What starts, stops or breaks a cluster has a test of its own; a watch would wait for ever.
                if line.startswith(("./dev", "export", "alias")) or "cairnctl watch" in line:
                    continue
                result = subprocess.run(["bash", "-o", "pipefail", "-c", line], env=environment, capture_output=True,
                                        text=True, timeout=60, check=False)
                self.assertEqual(result.returncode, 0, f"{line}\n{result.stdout}{result.stderr}")
                ran += 1
                if "--rev" in line:
                    old = result.stdout
        self.assertEqual(old, "greeting\nhello\n", "the store as it was")
        self.assertGreater(ran, 6, "README.md has lost its commands")

    def test_every_verb_in_the_readme_is_one(self):
        verbs = subprocess.run([str(ROOT / "dev"), "help"], capture_output=True, text=True, check=True).stdout
        for line in commands():
            if line.startswith("./dev"):
                self.assertRegex(verbs, rf"\b{line.split()[1]}\b", line)


if __name__ == "__main__":
    suite.main()
