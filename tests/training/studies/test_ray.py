"""A study on a Ray cluster of two nodes that are started here, each of which has one core."""

import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import psutil
import pytest
from conftest import PROJECT, train_here_in, train_in
from ray_cluster import Cluster, Node, free_port, until

from training.run.folder.leases import holder

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason='no Ray: pip install -e ".[ray]"'),
    pytest.mark.processes,
]

ON_RAY = ("-m", "hydra/launcher=ray")
SMALL = ("data=robo", "epochs=40", "patience=null", "model.embedding=8", "model.hidden=8")
SIX = (*SMALL, "cell=baseline,C1", "seed=range(3)")


@pytest.fixture(scope="module")
def nodes() -> Iterator[list[Node]]:
    """The head, to which this module's commands belong, and another node."""
    with pytest.MonkeyPatch.context() as patch:
        for key, value in Cluster.ENVIRONMENT.items():
            patch.setenv(key, value)
        with Cluster() as cluster:
            patch.setenv("RAY_ADDRESS", cluster.address)
            yield cluster.nodes


@contextmanager
def study(folder: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
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
    return {path.parent: path.stat().st_mtime_ns for path in results}


class Stopped(NamedTuple):
    """A worker that stands still in the middle of a run: some of the run's epochs are over."""

    worker: psutil.Process
    run: Path


def stop_in_the_middle(folder: Path, node: Node, killed: Sequence[psutil.Process] = ()) -> Stopped | None:
    """Stop a worker of a node, none of the `killed` ones, if it is in the middle of a run."""
    for worker in node.workers():
        if worker in killed:
            continue
        worker.suspend()
        for last in folder.rglob("last.ckpt"):
            run = last.parent.parent
            there = holder(run)
            if there is not None and there.pid == worker.pid and not (run / "finished").exists():
                return Stopped(worker, run)
        worker.resume()
    return None


class Ended(NamedTuple):
    """A study that has ended, during which a worker was killed, and later the node that it was on.

    Attributes:
        folder: of its runs.
        output, errors: of the command.
        before: the runs that were finished when the node left, and when their results were written.
        interrupted: the runs in whose middle the worker and the node were.
    """

    folder: Path
    output: str
    errors: str
    before: dict[Path, int]
    interrupted: list[Path]


@pytest.fixture(scope="module")
def ended(nodes: Sequence[Node], tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """A study of six runs on both nodes that loses a worker and then a node."""
    folder = tmp_path_factory.mktemp("study")
    _, leaving = nodes
    with study(folder, *SIX) as process:
        first = until(lambda: finished(folder) and stop_in_the_middle(folder, leaving), process)
        first.worker.kill()
        second = until(lambda: stop_in_the_middle(folder, leaving, [first.worker]), process)
        before = finished(folder)
        leaving.kill()
        output, errors = process.communicate()
    assert process.returncode == 0, output + errors
    return Ended(folder, output, errors, before, [first.run, second.run])


def test_a_killed_worker_and_a_node_that_leaves_lose_nothing(ended: Ended) -> None:
    after = finished(ended.folder)
    assert 1 <= len(ended.before) < len(after) == 6
    assert {run: after[run] for run in ended.before} == ended.before
    killed, left = ended.interrupted
    assert killed in after  # maybe before the node left, if that was in a later round of the study
    assert left in set(after) - set(ended.before)
    rows = pd.concat([pd.read_csv(run / "metrics.csv") for run in after])
    assert sorted(rows["split"]) == ["test"] * 6 + ["val"] * 6
    assert not rows.duplicated(["cell", "seed", "split"]).any()
    assert not list(ended.folder.rglob("running"))


def test_the_terminal_says_what_was_lost(ended: Ended) -> None:
    assert ended.errors == ""
    lines = ended.output.splitlines()  # Ray's own lines about the node may stand anywhere between them
    runs = "2 runs were" if len(set(ended.interrupted)) == 2 else "1 run was"  # the second may be the first again
    ours = ["6 runs.", "6 runs were finished now, 0 before."]
    ours.append(f"{runs} interrupted by the death of a worker and begun again.")
    assert [line for line in lines if line in ours] == ours


def test_the_results_are_those_of_one_process(ended: Ended, tmp_path: Path) -> None:
    for run in {*ended.interrupted, *list(ended.before)[:1]}:
        cell, name = run.parent.name, run.name
        seed = name.partition("_")[0].removeprefix("seed")
        done = train_here_in(tmp_path, *SMALL, f"cell={cell}", f"seed={seed}", f"run_dir={name}")
        assert done.returncode == 0, done.stderr
        tables = [pd.read_csv(folder / "metrics.csv") for folder in (run, tmp_path / name)]
        there, here = (table.drop(columns="seconds") for table in tables)
        pd.testing.assert_frame_equal(there, here)


def test_sigterm_ends_a_study_with_its_workers(nodes: Sequence[Node], tmp_path: Path) -> None:
    with study(tmp_path, *SMALL, "epochs=4000", "seed=0,1") as process:
        until(lambda: list(tmp_path.rglob("running")), process)
        workers = [worker for node in nodes for worker in node.workers()]
        process.terminate()
        output, errors = process.communicate()
    assert process.returncode == 143, output + errors
    assert errors.endswith("\nTerminated; the same command goes on after the last epoch that was written.\n")
    assert "Traceback" not in output + errors
    assert workers
    psutil.wait_procs(workers)  # pytest's timeout ends a vain wait


def test_the_same_command_again_has_nothing_to_do(ended: Ended) -> None:
    again = train_in(ended.folder, *ON_RAY, *SIX)
    assert (again.stdout, again.stderr) == ("All 6 runs are finished; nothing to do.\n", "")


def test_a_run_that_is_too_large_for_every_node_is_one_line(nodes: Sequence[Node], tmp_path: Path) -> None:
    too_large = train_in(tmp_path, *ON_RAY, "data=robo", "threads=2")
    assert too_large.returncode == 1
    assert "a run needs 2 CPUs, but no machine of the cluster has more than 1" in too_large.stderr


def test_without_a_cluster_a_study_has_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    alone = ("hydra.launcher.ray.init.address=local", "+hydra.launcher.ray.init.num_cpus=1")
    done = train_in(tmp_path, *ON_RAY, *alone, *SMALL, "epochs=1")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(finished(tmp_path)) == 1


def test_a_cluster_that_does_not_answer_is_one_line(refused: Callable[..., str]) -> None:
    address = f"127.0.0.1:{free_port()}"
    error = refused(*ON_RAY, f"hydra.launcher.ray.init.address='{address}'", "data=robo")
    assert f"no Ray cluster answers at {address} (Connection refused); " in error


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("ray=3", "set the keys below it"),
        ("ray.init=3", "ray.init=3: set the keys below it"),
        ("ray.init.address=3", "ray.init.address=3: give HOST:PORT, auto, local or null"),
        ("ray.remote.num_cpus=foo", "ray.remote.num_cpus=foo: give a number, 0 or more"),
        ("ray.remote.num_gpus=-1", "ray.remote.num_gpus=-1: give a number, 0 or more"),
    ],
)
def test_a_setting_of_a_wrong_type_is_one_line(refused: Callable[..., str], setting: str, says: str) -> None:
    assert says in refused(*ON_RAY, f"hydra.launcher.{setting}", "data=robo")


def test_an_address_that_is_none_is_one_line(tmp_path: Path) -> None:
    done = train_in(tmp_path, *ON_RAY, "hydra.launcher.ray.init.address=nonsense", "data=robo")
    assert done.returncode == 1
    assert "Ray cannot be used: Invalid address format: nonsense" in done.stderr
    assert done.stderr.count("\n") == 1
