"""Studies whose workers, launchers and disks fail, with real processes and real signals."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import PROJECT, train_in

TINY = ("data=robo", "model.embedding=4", "model.hidden=4", "patience=null")
FOUR = ("-m", "cell=baseline,C1", "seed=0,1", *TINY, "epochs=15")
JOBLIB = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")


def start(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, str(PROJECT / "train.py"), *arguments]
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def until_first_result(folder: Path) -> tuple[dict[Path, int], list[int]]:
    """The files of the finished runs, as soon as there is one while others are made, and the pids of who makes them."""
    for _ in range(1200):
        time.sleep(0.05)
        finished = [mark.parent for mark in folder.rglob("finished")]
        pids = [int(line[4:]) for line in running(folder) if line.startswith("pid=")]
        if finished and pids:
            return files(*finished), pids
    raise AssertionError("no run was finished")


def running(folder: Path) -> list[str]:
    lines = []
    for marker in folder.rglob("running"):
        try:
            lines += marker.read_text().splitlines()
        except OSError:
            continue
    return lines


def files(*runs: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for run in runs for path in run.rglob("*") if path.is_file()}


def assert_all_finished(folder: Path, runs: int, as_before: dict[Path, int]) -> None:
    assert len(list(folder.rglob("finished"))) == runs
    assert not [*folder.rglob("running"), *folder.rglob("failed")]
    assert {path: path.stat().st_mtime_ns for path in as_before} == as_before


def test_a_killed_worker_costs_nothing_but_time(tmp_path: Path) -> None:
    study = start(tmp_path, *FOUR, *JOBLIB)
    before, pids = until_first_result(tmp_path)
    os.kill(pids[0], signal.SIGKILL)
    output, errors = study.communicate(timeout=240)
    assert study.returncode == 0, output + errors
    assert_all_finished(tmp_path, 4, before)
    assert "4 runs were finished now, 0 before.\n" in output
    assert "cut off by the death of a worker and begun again." in output
    assert "Traceback" not in errors


def test_a_killed_launcher_is_repeated_and_goes_on(tmp_path: Path) -> None:
    study = start(tmp_path, *FOUR, *JOBLIB)
    before, _ = until_first_result(tmp_path)
    study.kill()  # its workers live on for a while, and have their leases
    again = train_in(tmp_path, *FOUR, *JOBLIB)
    os.killpg(study.pid, signal.SIGKILL)
    study.communicate()
    assert again.returncode == 0, again.stdout + again.stderr
    assert "runs, of which " in again.stdout
    assert_all_finished(tmp_path, 4, before)


def test_two_launchers_of_the_same_study_share_its_work(tmp_path: Path) -> None:
    both = [start(tmp_path, *FOUR[:-1], "epochs=8") for _ in range(2)]
    outputs = [study.communicate(timeout=240) for study in both]
    assert [study.returncode for study in both] == [0, 0], outputs
    assert_all_finished(tmp_path, 4, {})
    for mark in tmp_path.rglob("finished"):  # who trains a run writes files of events, named by the process
        assert len({path.name.split(".")[-2] for path in mark.parent.glob("events.*")}) == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=280k", "lstm-cs-test", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_ends_the_study_with_one_line(tmp_path: Path, small_disk: Path) -> None:
    command = (*FOUR[:-1], "epochs=1", f"runs_dir={small_disk}")
    done = train_in(tmp_path, *command)
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr.startswith(f"Error: the disk of {small_disk}")
    assert done.stderr.count("\n") == 1, done.stderr
    made = [mark.parent for mark in small_disk.rglob("finished")]
    assert 0 < len(made) < 4, subprocess.run(["du", "-a", str(small_disk)], capture_output=True, text=True).stdout
    before = files(*made)

    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    again = train_in(tmp_path, *command)
    assert again.returncode == 0, again.stdout + again.stderr
    assert_all_finished(small_disk, 4, before)
