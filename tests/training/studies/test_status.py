"""How far a study is, as seen from outside."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import PROJECT, Command

from analysis.status import follow, status
from cells.errors import UserError
from training.run.folder.leases import Lease
from training.studies import progress


def study(runs: Path, done: int, failed: int, waiting: int) -> list[Path]:
    folders = [runs / "robo" / str(k) for k in range(done + failed + waiting)]
    for k, folder in enumerate(folders[: done + failed]):
        folder.mkdir(parents=True)
        (folder / ("finished" if k < done else "failed")).write_text("")
    progress.write_record(runs, folders)
    return folders


def test_status_counts_runs_by_their_state(tmp_path: Path) -> None:
    folders = study(tmp_path, done=2, failed=1, waiting=3)
    (record,) = tmp_path.glob(".studies/*.json")
    since = progress.read_record(record).since
    os.utime(folders[0] / "finished", (since + 1, since + 1))
    folders[-1].mkdir()
    lease = Lease(folders[-1])
    assert lease.take()
    command, line = status(tmp_path).splitlines()
    assert command.endswith(f", pid {os.getpid()}, since {time.strftime('%Y-%m-%d %H:%M', time.localtime(since))})")
    assert line.startswith("  6 runs: 2 done, 1 running, 1 failed, 2 waiting; ")
    assert " a minute, " in line
    lease.release()
    assert status(tmp_path).endswith("6 runs: 2 done, 0 running, 1 failed, 3 waiting")


def test_several_studies_have_a_total_in_which_each_run_counts_once(tmp_path: Path) -> None:
    folders = study(tmp_path, done=2, failed=0, waiting=1)
    progress.write_record(tmp_path, folders[1:])
    progress.write_record(tmp_path, folders)  # the same study again: no further one
    assert status(tmp_path).splitlines()[-1] == "all  3 runs: 2 done, 0 running, 0 failed, 1 waiting"
    assert len(status(tmp_path).splitlines()) == 5


def test_runs_of_an_invalid_configuration_have_failed_and_do_not_wait(train_here: Command, tmp_path: Path) -> None:
    small = ["model.embedding=4", "model.hidden=4", "data_dir=nowhere"]
    done = train_here("-m", *small, "epochs=0", "seed=0,often,'1'")
    assert [line.rpartition(": ")[2] for line in done.stderr.splitlines()[:3]] == [
        "give a whole number, 1 or more.",
        "give a whole number, 0 or more.",
        "the quotes make it a text, write seed=1.",
    ]
    assert status(tmp_path / "runs").endswith("3 runs: 0 done, 0 running, 3 failed, 0 waiting")
    assert follow(tmp_path / "runs") == "3 runs: 0 done, 0 running, 3 failed, 0 waiting"


def test_an_older_record_of_a_study_counts_no_invalid_runs(tmp_path: Path) -> None:
    study(tmp_path, done=1, failed=0, waiting=1)
    (path,) = tmp_path.glob(".studies/*.json")
    about = json.loads(path.read_text())
    del about["invalid"]
    path.write_text(json.dumps(about))
    assert status(tmp_path).endswith("2 runs: 1 done, 0 running, 0 failed, 1 waiting")


def test_the_rate_is_that_of_this_command_and_of_the_last_half_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = study(tmp_path, done=4, failed=0, waiting=1)
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now)
    os.utime(folders[0] / "finished", (now - 7200, now - 7200))
    assert progress.progress_of(folders, now - 600).rate == pytest.approx(3 / 10)
    assert progress.progress_of(folders, now - 9000).rate == pytest.approx(3 / 30)


def test_watching_ends_with_the_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study(tmp_path, done=2, failed=1, waiting=0)
    assert follow(tmp_path) == "3 runs: 2 done, 0 running, 1 failed, 0 waiting"
    assert capsys.readouterr().out == ""


def test_no_study_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no study; give the runs_dir"):
        status(tmp_path)


def test_status_opens_no_file_of_a_run_that_is_not_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study(tmp_path, done=30, failed=0, waiting=30)
    looks: list[object] = []
    stat = os.stat
    monkeypatch.setattr(os, "stat", lambda path, **how: (looks.append(path), stat(path, **how))[1])
    monkeypatch.setattr("builtins.open", None)
    monkeypatch.setattr("io.open", None)
    folders = [tmp_path / "robo" / str(k) for k in range(60)]
    assert progress.progress_of(folders, 0.0).done == 30
    assert len(looks) <= 3 * 60  # so that a study of thousands of runs is seen within a second


@pytest.mark.processes
def test_status_needs_no_torch(tmp_path: Path) -> None:
    study(tmp_path, done=3, failed=0, waiting=3)
    command = [sys.executable, "-X", "importtime", "-m", "analysis", "status", str(tmp_path)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    assert "6 runs: 3 done" in done.stdout
    assert "torch" not in {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
