"""How far a study is, seen from outside."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import PROJECT

from analysis.status import follow, status
from cells.errors import UserError
from training.run.leases import Claim
from training.studies import progress


def study(runs: Path, done: int, failed: int, waiting: int) -> list[Path]:
    folders = [runs / "robo" / str(k) for k in range(done + failed + waiting)]
    for k, folder in enumerate(folders[: done + failed]):
        folder.mkdir(parents=True)
        (folder / ("finished" if k < done else "failed")).write_text("")
    progress.record(runs, folders)
    return folders


def test_status_counts_runs_by_their_state(tmp_path: Path) -> None:
    folders = study(tmp_path, done=2, failed=1, waiting=3)
    (folders[0] / "finished").touch()
    folders[-1].mkdir()
    claim = Claim(folders[-1])
    assert claim.take()
    command, line = status(tmp_path).splitlines()
    assert command.endswith(time.strftime(", pid %%d, since %Y-%m-%d %H:%M)") % os.getpid())
    assert line.startswith("  6 runs: 2 done, 1 running, 1 failed, 2 waiting; ")
    assert " a minute, " in line
    claim.release()
    assert status(tmp_path).endswith("6 runs: 2 done, 0 running, 1 failed, 3 waiting")


def test_several_studies_have_a_total_in_which_each_run_counts_once(tmp_path: Path) -> None:
    folders = study(tmp_path, done=2, failed=0, waiting=1)
    progress.record(tmp_path, folders[1:])
    progress.record(tmp_path, folders)  # repeated: no further study
    assert status(tmp_path).splitlines()[-1] == "all  3 runs: 2 done, 0 running, 0 failed, 1 waiting"
    assert len(status(tmp_path).splitlines()) == 5


def test_the_rate_is_that_of_this_command_and_of_the_last_half_hour(tmp_path: Path) -> None:
    folders = study(tmp_path, done=4, failed=0, waiting=1)
    now = time.time()
    os.utime(folders[0] / "finished", (now - 7200, now - 7200))
    assert progress.standing(folders, now - 600).rate == pytest.approx(0.3, rel=0.01)
    assert progress.standing(folders, now - 9000).rate == pytest.approx(0.1, rel=0.01)


def test_watching_ends_with_the_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study(tmp_path, done=2, failed=1, waiting=0)
    assert follow(tmp_path) == "3 runs: 2 done, 0 running, 1 failed, 0 waiting"
    assert capsys.readouterr().out == ""


def test_no_study_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no study; give the runs_dir"):
        status(tmp_path)


def test_status_of_thousands_of_runs_is_quick_and_needs_no_torch(tmp_path: Path) -> None:
    study(tmp_path, done=3000, failed=0, waiting=3000)
    command = [sys.executable, "-X", "importtime", "-m", "analysis", "status", str(tmp_path)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    assert "6000 runs: 3000 done" in done.stdout
    assert "torch" not in {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    begin = time.perf_counter()
    status(tmp_path)
    assert time.perf_counter() - begin < 1
