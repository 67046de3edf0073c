"""How every *_test.py here ends: with its tests, and an exit code that tells passed, failed and skipped apart."""

import sys
import unittest

from cluster import Cluster

SKIPPED = 77  # SKIP_RETURN_CODE in CMakeLists.txt.


class Result(unittest.TextTestResult):
    """Prints what the nodes of a class-wide cluster logged at the moment a test fails; other clusters do so when they are closed."""

    def addFailure(self, test, err):
        super().addFailure(test, err)
        print_logs(test)

    def addError(self, test, err):
        super().addError(test, err)
        print_logs(test)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            print_logs(test)


class Runner(unittest.TextTestRunner):
    resultclass = Result


def print_logs(test):
    cluster = getattr(test, "cluster", None)
    if isinstance(cluster, Cluster):
        cluster.print_logs()


def exit_code(result):
    if not result.wasSuccessful():
        return 1
    return SKIPPED if result.skipped else 0


def main():
    """Runs the tests of the script. One that is skipped makes all of it count as skipped: such tests have a file of their own."""
    sys.exit(exit_code(unittest.main(verbosity=2, testRunner=Runner, exit=False).result))
