"""A study on a Ray cluster of two nodes that are started here, each of which has one core."""

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import psutil
import pytest
from conftest import PROJECT, train_in

from training.run.leases import holder

pytestmark = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason='no Ray: pip install -e ".[ray]"')

ON_RAY = ("-m", "hydra/launcher=ray")
FOUR = ("data=robo", "cell=baseline,C1", "seed=0,1", "epochs=15", "model.embedding=8", "model.hidden=8")
EIGHT = (
    "data=robo",
    "cell=baseline,C1",
    "seed=range(4)",
    "epochs=40",
    "patience=null",
    "model.embedding=8",
    "model.hidden=8",
)
SOON = {"RAY_health_check_period_ms": "500", "RAY_health_check_failure_threshold": "3"}
"""So that the head notices within seconds that a node left."""


class Node:
    """A machine of the cluster: `ray start --block`, and all that it starts."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        command = [str(Path(sys.executable).with_name("ray")), "start", *arguments, "--num-cpus=1", "--block"]
        with open(folder / f"{len(arguments)}.log", "w+") as log:
            self.process = psutil.Popen(command, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **SOON})
        self.is_up = lambda: "Ray runtime started" in Path(log.name).read_text()

    def workers(self) -> list[psutil.Process]:
        """Those that make a run now."""
        return [process for process in self._all() if title(process).startswith("ray::job")]

    def kill(self) -> None:
        """As if somebody pulled the plug."""
        for process in self._all():
            process.kill()
        self.process.wait()

    def _all(self) -> list[psutil.Process]:
        try:
            return [self.process, *self.process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


def title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""


def until(true: Callable[[], object], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Node]]:
    """The head, to which this test's commands belong, and another one."""
    folder = Path(tempfile.mkdtemp(prefix="ray-"))  # pytest's own are too deep for the sockets in it
    address = f"127.0.0.1:{free_port()}"
    for key, value in {"AUTH_MODE": "disabled", "USAGE_STATS_ENABLED": "0", "ADDRESS": address}.items():
        monkeypatch.setenv(f"RAY_{key}", value)
    started: list[Node] = []
    try:
        port = address.partition(":")[2]
        started.append(
            Node(folder, "--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={folder / 'ray'}")
        )
        until(started[0].is_up, 120)
        started.append(Node(folder, f"--address={address}", "--node-ip-address=127.0.0.2"))
        until(started[1].is_up, 120)
        yield started
    finally:
        for node in started:
            node.kill()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def study(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`python train.py`, which goes on beside the test."""
    command = [sys.executable, str(PROJECT / "train.py"), *ON_RAY, *arguments]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def finished(folder: Path) -> dict[Path, int]:
    """When the results of each finished run were written."""
    results = [mark.with_name("metrics.csv") for mark in folder.rglob("finished")]
    return {path: path.stat().st_mtime_ns for path in results}


def in_the_middle(folder: Path, node: Node) -> set[int]:
    """The workers of a node that make a run some of whose epochs are over."""
    begun = [last.parent.parent for last in folder.rglob("last.ckpt")]
    holders = {there.pid for run in begun if (there := holder(run)) is not None}
    return holders & {worker.pid for worker in node.workers()}


def scores(folder: Path) -> pd.DataFrame:
    """Of all runs, without the time they took."""
    rows = pd.concat([pd.read_csv(path) for path in sorted(finished(folder))])
    return rows.drop(columns="seconds").reset_index(drop=True)


def test_both_nodes_make_runs_with_the_results_of_one_process(nodes: Sequence[Node], tmp_path: Path) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    there.mkdir(), here.mkdir()
    busy: set[Node] = set()
    with study(there, *FOUR) as process:
        while process.poll() is None:
            busy |= {node for node in nodes if node.workers()}
            time.sleep(0.05)
        out, errors = process.communicate()
    assert (process.returncode, errors) == (0, "")
    assert out.splitlines() == ["4 runs.", "4 runs were finished now, 0 before."]
    assert busy == set(nodes)

    assert train_in(here, "-m", *FOUR).returncode == 0
    pd.testing.assert_frame_equal(scores(there), scores(here))
    too_large = train_in(there, *ON_RAY, "data=robo", "seed=7", "threads=2")
    assert "a run is to have 2 CPUs, no machine of the cluster has more than 1" in too_large.stderr
    again = train_in(there, *ON_RAY, *FOUR)
    assert (again.stdout, again.stderr) == ("All 4 runs are finished; nothing to do.\n", "")


def test_a_killed_worker_and_a_node_that_leaves_lose_nothing(nodes: Sequence[Node], tmp_path: Path) -> None:
    _, leaving = nodes
    with study(tmp_path, *EIGHT) as process:
        until(lambda: finished(tmp_path) and in_the_middle(tmp_path, leaving), 120)
        (killed,) = leaving.workers()
        killed.kill()
        until(lambda: in_the_middle(tmp_path, leaving) - {killed.pid}, 120)
        before = finished(tmp_path)
        leaving.kill()
        out, errors = process.communicate(timeout=150)
    assert (process.returncode, errors) == (0, "")
    assert "8 runs were finished now, 0 before." in out
    assert "2 runs were cut off by the death of a worker and begun again." in out

    after = finished(tmp_path)
    assert 1 <= len(before) < len(after) == 8
    assert {path: after[path] for path in before} == before
    rows = scores(tmp_path)
    assert sorted(rows["split"]) == ["test"] * 8 + ["val"] * 8
    assert not rows.duplicated(["cell", "seed", "split"]).any()
    assert not list(tmp_path.rglob("running"))


def test_without_a_cluster_a_study_has_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    alone = ("hydra.launcher.ray.init.address=local", "+hydra.launcher.ray.init.num_cpus=1")
    done = train_in(tmp_path, *ON_RAY, *alone, "data=robo", "epochs=1", "model.embedding=8", "model.hidden=8")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(finished(tmp_path)) == 1


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("127.0.0.1:{port}", "no Ray cluster answers at 127.0.0.1:{port} (Connection refused); "),
        ("nonsense", "Ray cannot be used: Invalid address format: nonsense"),
    ],
)
def test_a_cluster_that_is_not_there_is_one_line(tmp_path: Path, address: str, says: str) -> None:
    port = free_port()
    done = train_in(tmp_path, *ON_RAY, f"hydra.launcher.ray.init.address='{address.format(port=port)}'", "data=robo")
    assert done.returncode == 1
    assert says.format(port=port) in done.stderr
    assert done.stderr.count("\n") == 1
