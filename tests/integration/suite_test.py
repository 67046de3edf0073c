"""What the other tests rest on: a skip and a failure show in the exit code, a failure in what nodes logged, and no process is left."""

import pathlib
import subprocess
import sys
import unittest

import suite
from cluster import wait_for

HERE = pathlib.Path(__file__).resolve().parent


def run(script):
    return subprocess.run([sys.executable, "-c", script], cwd=HERE, capture_output=True, text=True, timeout=60, check=False)


def run_tests(*bodies, before=""):
    tests = "".join(f"    def test_{i}(self):\n        {body}\n" for i, body in enumerate(bodies))
    return run(f"import unittest\nimport suite\n\nclass Tests(unittest.TestCase):\n{tests}\n{before}\nsuite.main()\n")


def ended(pid):
    """Whether the process is gone, or would be if somebody waited for it."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rpartition(")")[2].split()[0] in "ZX"


class SuiteTest(unittest.TestCase):
    def test_tests_that_pass_end_with_0(self):
        self.assertEqual(run_tests("pass", "pass").returncode, 0)

    def test_one_that_is_skipped_ends_with_77(self):
        self.assertEqual(run_tests("pass", "self.skipTest('why')").returncode, 77)

    def test_one_that_is_skipped_in_part_ends_with_77(self):
        self.assertEqual(run_tests("with self.subTest(): self.skipTest('why')").returncode, 77)

    def test_a_failure_is_no_skip(self):
        self.assertEqual(run_tests("self.skipTest('why')", "self.fail('why')").returncode, 1)

    def test_a_failure_shows_what_the_nodes_of_the_class_logged(self):
        cluster = ("from cluster import Cluster\n"
                   "Tests.cluster = Cluster('nowhere', nodes=1)\n"
                   "Tests.addClassCleanup(Tests.cluster.close)\n"
                   "Tests.cluster.nodes[0].log.write_text('said by a node')")
        self.assertIn("said by a node", run_tests("self.fail('why')", before=cluster).stdout)
        self.assertNotIn("said by a node", run_tests("pass", before=cluster).stdout)

    def test_processes_do_not_outlive_a_script_that_is_killed(self):
        result = run("import os, signal, subprocess\n"
                     "from cluster import dies_with_parent\n"
                     "child = subprocess.Popen(['sleep', '600'], preexec_fn=dies_with_parent(), stdout=subprocess.DEVNULL,\n"
                     "                         stderr=subprocess.DEVNULL)\n"
                     "print(child.pid, flush=True)\n"
                     "os.kill(os.getpid(), signal.SIGKILL)\n")
        child = int(result.stdout)
        wait_for(lambda: ended(child), f"process {child} to end with its parent", 10)


if __name__ == "__main__":
    suite.main()
