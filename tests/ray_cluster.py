"""A Ray cluster of two nodes on this machine, each of which has one core."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, TypeVar

import psutil

SOON = {
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_failure_threshold": "3",
    "RAY_worker_niceness": "0",
}
"""So that the head notices within seconds that a node left, and that workers get their turn beside other processes: Ray
gives them a low priority."""

T = TypeVar("T")


class Node:
    """A machine of the cluster: `ray start --block`, and all that it starts."""

    def __init__(self, log: Path, *arguments: str) -> None:
        command = [str(Path(sys.executable).with_name("ray")), "start", *arguments, "--num-cpus=1", "--block"]
        with open(log, "w") as output:
            self.process = psutil.Popen(command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **SOON})
        until(lambda: "Ray runtime started" in log.read_text(), self.process)

    def workers(self) -> list[psutil.Process]:
        """The processes that train a run now."""
        return [process for process in self.processes() if _title(process).startswith("ray::do_job")]

    def kill(self) -> None:
        """End everything at once, as if somebody pulled the plug."""
        for process in self.processes():
            process.kill()
        self.process.wait()

    def processes(self) -> list[psutil.Process]:
        """The node's own process and all that it started."""
        try:
            return [self.process, *self.process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


class Cluster:
    """A head and another node while the block lasts.

    Attributes:
        address: as RAY_ADDRESS.
        nodes: the head comes first.
    """

    ENVIRONMENT: ClassVar = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    """Variables that its nodes and commands need."""

    def __init__(self) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self.nodes: list[Node] = []

    def __enter__(self) -> "Cluster":
        self._folder = Path(tempfile.mkdtemp(prefix="ray-"))  # pytest's own are too deep for the sockets in it
        port = f"--port={self.address.partition(':')[2]}"
        try:
            self._add("--head", port, "--include-dashboard=false", f"--temp-dir={self._folder / 'ray'}")
            self.complete()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for node in self.nodes:
            node.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def complete(self) -> None:
        """Start another node in place of one that has left."""
        self.nodes[1:] = [node for node in self.nodes[1:] if node.process.is_running()]
        if len(self.nodes) == 1:
            self._add(f"--address={self.address}", "--node-ip-address=127.0.0.2")

    def workers(self) -> list[psutil.Process]:
        """The processes that train a run now."""
        return [worker for node in self.nodes for worker in node.workers()]

    def _add(self, *arguments: str) -> None:
        self.nodes.append(Node(self._folder / f"{len(self.nodes)}.log", *arguments))


def until(found: Callable[[], T | None], alive: "subprocess.Popen[str] | psutil.Popen | None" = None) -> T:
    """Wait until there is something, and return it; pytest's timeout ends a vain wait."""
    while not (result := found()):
        assert alive is None or alive.poll() is None, alive.communicate()
        time.sleep(0.05)
    return result


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""
