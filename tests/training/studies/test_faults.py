"""Studies whose workers, launchers and disks fail, with real processes and real signals."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from conftest import PROJECT, train_here_in, train_in

from training.run.folder import leases
from training.run.folder.leases import holder

pytestmark = pytest.mark.processes

TINY = ("data=robo", "model.embedding=4", "model.hidden=4", "patience=null")
FOUR = ("-m", "cell=baseline,C1", "seed=0,1", *TINY, "epochs=40")
JOBLIB = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")


def start(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, str(PROJECT / "train.py"), *arguments]
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def finished(folder: Path) -> list[Path]:
    return [mark.parent for mark in folder.rglob("finished")]


def stop_in_a_run(folder: Path, study: "subprocess.Popen[str]") -> psutil.Process:
    """Stop a worker in the middle of a run, as soon as another run is finished."""
    while True:
        assert study.poll() is None, study.communicate()
        for marker in folder.rglob("running") if finished(folder) else ():
            if (there := holder(marker.parent)) is not None:
                worker = psutil.Process(there.pid)
                worker.suspend()
                if holder(marker.parent) == there and not marker.with_name("finished").exists():
                    return worker
                worker.resume()
        time.sleep(0.01)


def files(*runs: Path) -> dict[Path, int]:
    """When each file of these runs was written; not of those that go a moment after a run is finished."""
    going = {"running", "last.ckpt", "stack.ckpt"}
    kept = [path for run in runs for path in run.rglob("*") if path.name not in going and path.is_file()]
    return {path: path.stat().st_mtime_ns for path in kept}


def assert_all_finished(folder: Path, runs: int, as_before: dict[Path, int]) -> None:
    assert len(finished(folder)) == runs
    assert not [*folder.rglob("running"), *folder.rglob("failed")]
    assert {path: path.stat().st_mtime_ns for path in as_before} == as_before


def test_a_killed_worker_costs_nothing_but_time(tmp_path: Path) -> None:
    study = start(tmp_path, *FOUR, *JOBLIB)
    worker = stop_in_a_run(tmp_path, study)
    before = files(*finished(tmp_path))
    worker.kill()
    output, errors = study.communicate()
    assert study.returncode == 0, output + errors
    assert_all_finished(tmp_path, 4, before)
    assert "4 runs were finished now, 0 before.\n" in output
    assert "interrupted by the death of a worker and begun again." in output
    assert "Traceback" not in errors


def test_a_killed_launcher_is_repeated_and_goes_on(tmp_path: Path) -> None:
    study = start(tmp_path, *FOUR, *JOBLIB)
    worker = stop_in_a_run(tmp_path, study)
    before = files(*finished(tmp_path))
    study.kill()
    worker.resume()  # the workers live on for a while, and have their leases
    again = train_here_in(tmp_path, *FOUR)
    os.killpg(study.pid, signal.SIGKILL)
    study.communicate()
    assert again.returncode == 0, again.stdout + again.stderr
    assert "runs, of which " in again.stdout
    assert_all_finished(tmp_path, 4, before)


def test_two_launchers_of_the_same_study_share_its_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("DURATION", 600.0), ("HEARTBEAT", 100.0), ("PATIENCE", 800.0)):
        monkeypatch.setattr(leases, name, seconds)  # nobody takes a stopped process for a dead one
    monkeypatch.setenv("LSTM_CS_LEASE", "600")
    with start(tmp_path, *FOUR) as other:
        while not list(tmp_path.rglob("running")):
            assert other.poll() is None, other.communicate()
            time.sleep(0.01)
        other.send_signal(signal.SIGSTOP)  # each launcher has a run before the other could make all of them
        threading.Thread(target=go_on_when_one_is_finished, args=(tmp_path, other), daemon=True).start()
        try:
            here = train_here_in(tmp_path, *FOUR)
        finally:
            other.send_signal(signal.SIGCONT)
        there = other.communicate()
    assert (here.returncode, other.returncode) == (0, 0), (here, there)
    assert_all_finished(tmp_path, 4, {})
    workers = []
    for run in finished(tmp_path):  # who trains a run writes files of events, named by the process
        (worker,) = {path.name.split(".")[-2] for path in run.glob("events.*")}
        workers.append(worker)
    assert set(workers) == {str(other.pid), str(os.getpid())}


def go_on_when_one_is_finished(folder: Path, stopped: "subprocess.Popen[str]") -> None:
    while not finished(folder):
        time.sleep(0.01)
    stopped.send_signal(signal.SIGCONT)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=280k", "lstm-cs-test", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_the_full_disk_of_the_caches_is_named(tmp_path: Path, small_disk: Path) -> None:
    (small_disk / "fill").write_bytes(b"x" * 278_528)
    done = train_here_in(tmp_path, "data=robo", "epochs=1", f"cache_dir={small_disk}/cache")
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: the disk of {small_disk}"), done.stderr


def test_an_export_onto_a_full_disk_is_one_line(tmp_path: Path, small_disk: Path) -> None:
    tiny = ("data=robo", "model.embedding=4", "model.hidden=4", "epochs=1")
    assert train_here_in(tmp_path, *tiny).returncode == 0
    (small_disk / "fill").write_bytes(b"x" * 278_528)
    (run,) = (mark.parent for mark in tmp_path.rglob("finished"))
    command = [sys.executable, "-m", "inference.export", str(run), "-o", str(small_disk / "model.pt")]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "model.pt cannot be written (No space left on device)" in done.stderr
    assert [path.name for path in small_disk.iterdir()] == ["fill"]


def test_a_full_disk_ends_the_study_with_one_line(tmp_path: Path, small_disk: Path) -> None:
    command = (*FOUR[:-1], "epochs=1", f"runs_dir={small_disk}")
    done = train_in(tmp_path, *command)
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr.startswith(f"Error: the disk of {small_disk}")
    assert done.stderr.count("\n") == 1, done.stderr
    made = finished(small_disk)
    assert 0 < len(made) < 4, subprocess.run(["du", "-a", str(small_disk)], capture_output=True, text=True).stdout
    before = files(*made)

    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    again = train_here_in(tmp_path, *command)
    assert again.returncode == 0, again.stdout + again.stderr
    assert_all_finished(small_disk, 4, before)
