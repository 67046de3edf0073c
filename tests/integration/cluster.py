"""A cluster of real processes on loopback, for the integration tests. Needs nothing but the standard library.

Every node is ended by its own pid or with the script, everything is bounded in time, and what a node logged is printed when a test
fails (for clusters of a whole class by suite.py).
"""

import contextlib
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

START_SECONDS = 30
PRCTL = ctypes.CDLL(None).prctl
PR_SET_PDEATHSIG = 1  # prctl(2).


def dies_with_parent(preexec=None):
    """For preexec_fn: whatever ends this script, its processes do not outlive it. To be started by the main thread only: the kernel
    takes the end of the thread that forked for the parent's."""
    parent = os.getpid()

    def run():
        if preexec is not None:
            preexec()  # First: setuid() would undo what follows.
        PRCTL(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)  # It ended before we asked.

    return run


def free_ports(count):
    """Ports that were free a moment ago: bound together, so that they differ, then released."""
    with contextlib.ExitStack() as stack:
        ports = []
        for _ in range(count):
            probe = stack.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            ports.append(probe.getsockname()[1])
        return ports


class Node:
    """One member: its ports, its directory, and the process while there is one."""

    def __init__(self, cluster, name, client_port, peer_port):
        self.cluster = cluster
        self.name = name
        self.client = f"127.0.0.1:{client_port}"
        self.peer = f"127.0.0.1:{peer_port}"
        self.data = cluster.directory / name
        self.log = cluster.directory / f"{name}.log"
        self.extra = []  # Flags of this node alone.
        self.process = None

    def start(self, preexec=None):
        assert self.process is None, f"{self.name} runs already"
        arguments = [
            self.cluster.binary,
            "--name", self.name,
            "--data-dir", str(self.data),
            "--listen-client-urls", f"http://{self.client}",
            "--advertise-client-urls", f"http://{self.client}",
            "--listen-peer-urls", f"http://{self.peer}",
            "--initial-advertise-peer-urls", f"http://{self.peer}",
            "--initial-cluster", self.cluster.initial_cluster(),
            "--initial-cluster-token", "integration",
            "--initial-cluster-state", "new",
            *self.cluster.extra,
            *self.extra,
        ]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=dies_with_parent(preexec))

    def start_refused(self, preexec=None):
        """Starts it where it is to end by itself. Its exit code, and what it logged this time."""
        seen = len(self.log_text())
        self.start(preexec)
        code = self.wait()
        return code, self.log_text()[seen:]

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def metric(self, name):
        """A metric without labels, from /metrics; None if the node does not answer or has none of that name."""
        try:
            status, body = http_get(self.client, "/metrics", seconds=5)
        except OSError:
            return None
        for line in body.splitlines():
            if status == 200 and line.startswith(name + " "):
                return float(line.split()[1])
        return None

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=30):
        """Waits for the process to end and returns its exit code."""
        code = self.process.wait(timeout=seconds)
        self.process = None
        return code

    def kill(self):
        self.signal(signal.SIGKILL)
        self.wait()


class Cluster:
    """`with Cluster(binary) as cluster:` gives a started cluster that answers on every node."""

    def __init__(self, binary, nodes=3, extra=()):
        self.binary = str(binary)
        self.extra = list(extra)
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="cairn-it-"))
        ports = free_ports(2 * nodes)
        self.nodes = [Node(self, f"n{i + 1}", ports[2 * i], ports[2 * i + 1]) for i in range(nodes)]

    def initial_cluster(self):
        return ",".join(f"{node.name}=http://{node.peer}" for node in self.nodes)

    @property
    def endpoints(self):
        return ",".join(node.client for node in self.nodes)

    def __enter__(self):
        try:
            for node in self.nodes:
                node.start()
            self.wait_ready()
        except BaseException:
            self.close(failed=True)
            raise
        return self

    def __exit__(self, kind, value, trace):
        self.close(failed=kind is not None)

    def close(self, failed=False):
        for node in self.nodes:
            if node.process is not None:
                node.process.kill()
                node.process.wait(timeout=30)
                node.process = None
        if failed:
            self.print_logs()
        shutil.rmtree(self.directory, ignore_errors=True)

    def print_logs(self):
        for node in self.nodes:
            print(f"--- {node.name} logged, at the end:")
            print(node.log_text()[-4000:], flush=True)

    def healthy(self, node):
        """Whether the node answers a linearizable read, by its own word on /health."""
        try:
            status, body = http_get(node.client, "/health", seconds=2)
        except OSError:
            return False
        return status == 200 and '"true"' in body

    def leader(self, seconds=START_SECONDS):
        """The node that says that it leads; waits until exactly one does."""
        def find():
            leaders = [node for node in self.nodes if node.process is not None and node.metric("etcd_server_is_leader") == 1]
            return leaders[0] if len(leaders) == 1 else None
        return wait_for(find, "exactly one leader", seconds)

    def wait_ready(self, nodes=None, seconds=START_SECONDS):
        for node in nodes or self.nodes:
            wait_for(lambda n=node: self.healthy(n), f"{node.name} to answer linearizable reads", seconds)


def wait_for(condition, what, seconds=30):
    """Polls until the condition holds; the deadline is for a broken program, not for a slow one.

    `what` is a text, or a function that says at the end what was seen.
    """
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for {what() if callable(what) else what}")
        time.sleep(0.05)


def http_get(address, path, seconds=10):
    """Status code and body of one HTTP/1.1 GET, by hand: the tests should see the bytes as they are."""
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=seconds) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode(errors="replace")


def cairnd_from_environment():
    """The server under test: CAIRND names it; ctest sets that."""
    return os.environ["CAIRND"]
