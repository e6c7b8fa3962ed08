"""The folder of a run: when it is claimed, finished, refused, and written."""

import multiprocessing
import os
import signal
import socket
import sys
from pathlib import Path

import pytest
from unprivileged import unprivileged

from cells.errors import UserError
from training.run.folder.durable import write_atomically
from training.run.folder.leases import holder
from training.run.folder.record import Record
from training.run.folder.run_folder import RunFolder


def folder(path: Path, **run: object) -> RunFolder:
    return RunFolder(path, Record({"seed": 0, "cell": {"current": None}, **run}))


def test_a_claimed_folder_is_not_finished_until_finish(tmp_path: Path) -> None:
    run = folder(tmp_path / "a" / "b")
    assert not run.is_finished()
    run.claim()
    assert not run.is_finished()
    run.finish()
    assert run.is_finished()
    assert folder(tmp_path / "a" / "b").is_finished()


def test_an_interrupted_run_is_claimed_again_and_keeps_its_checkpoint(tmp_path: Path) -> None:
    interrupted = folder(tmp_path)
    interrupted.claim()
    interrupted.checkpoints.mkdir()
    (interrupted.checkpoints / "last.ckpt").write_text("epoch 5")
    interrupted.release()  # as its process does, or whoever sees that the process is dead: see test_leases.py
    assert holder(tmp_path) is None

    resumed = folder(tmp_path)
    resumed.claim()
    assert holder(tmp_path) == (socket.gethostname(), os.getpid())
    assert resumed.last_checkpoint.read_text() == "epoch 5"
    resumed.release()
    assert holder(tmp_path) is None


def test_another_configuration_in_the_same_folder_is_an_error(tmp_path: Path) -> None:
    run = folder(tmp_path)
    run.claim()
    run.release()
    other = folder(tmp_path, seed=1)
    with pytest.raises(UserError, match=r"another configuration \(differs in seed\)"):
        other.claim()
    with pytest.raises(UserError, match="another configuration"):
        other.is_finished()


def test_a_read_only_place_is_one_sentence(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with unprivileged(), pytest.raises(UserError, match="cannot be written"):
        folder(tmp_path / "run").claim()


def test_a_file_in_the_way_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        folder(tmp_path / "run").claim()


def test_finishing_removes_only_the_checkpoints_to_resume_from(tmp_path: Path) -> None:
    run = folder(tmp_path)
    run.claim()
    run.checkpoints.mkdir()
    for name in ("last.ckpt", "stack.ckpt", "model.ckpt"):
        (run.checkpoints / name).write_text("")
    run.finish()
    assert [path.name for path in run.checkpoints.iterdir()] == ["model.ckpt"]


def test_a_finished_run_keeps_no_checkpoint_to_resume_from(tmp_path: Path) -> None:
    run = folder(tmp_path)
    run.claim()
    run.finish()
    run.checkpoints.mkdir()
    for path in (run.last_checkpoint, run.stack_checkpoint):  # as a process leaves them that is killed after its mark
        path.write_text("")
    assert folder(tmp_path).is_finished()
    assert list(run.checkpoints.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells which file is flushed")
def test_results_are_on_the_disk_before_the_mark_and_the_mark_before_checkpoints_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut leaves a run that is whole, or one that can be resumed."""
    done = []
    replace, unlink = os.replace, Path.unlink

    def name(path: object) -> str:
        return str(path).removeprefix(f"{tmp_path}").strip("/") or "."

    monkeypatch.setattr(os, "fsync", lambda number: done.append(name(Path(f"/proc/self/fd/{number}").readlink())))
    monkeypatch.setattr(os, "replace", lambda old, new: (done.append(f"-> {name(new)}"), replace(old, new))[1])
    monkeypatch.setattr(Path, "unlink", lambda path, **more: (done.append(f"no {name(path)}"), unlink(path, **more)))
    run = folder(tmp_path)
    run.claim()
    run.checkpoints.mkdir()
    run.tested_checkpoint.write_text("")
    run.write("metrics.csv", "")
    done.clear()
    run.finish()
    steps = [each for each in done if not each.startswith((".attempt", "no .attempt", "no running"))]
    assert steps == [
        "no failed", "checkpoints/model.ckpt", "checkpoints", ".", "-> finished", ".",
        "no checkpoints/last.ckpt", "no checkpoints/stack.ckpt",
    ]  # fmt: skip


@pytest.mark.processes
def test_a_finished_run_keeps_no_trace_of_a_process_that_was_killed_after_its_mark(tmp_path: Path) -> None:
    killed = multiprocessing.get_context("fork").Process(target=killed_after_its_mark, args=(tmp_path,))
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    assert socket.gethostname() in (tmp_path / "running").read_text()
    assert folder(tmp_path).is_finished()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.yaml", "finished"]


def killed_after_its_mark(path: Path) -> None:
    run = folder(path)
    run.claim()
    run._remove_checkpoints_to_resume_from = lambda: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[method-assign]
    run.finish()


def test_what_a_living_process_is_finishing_is_left_to_it(tmp_path: Path) -> None:
    run = folder(tmp_path)
    run.claim()
    run.write("finished", "")
    assert folder(tmp_path).is_finished()
    assert holder(tmp_path) == (socket.gethostname(), os.getpid())
    run.write("late.csv", "")  # its attempt is there
    run.release()


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "new \ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
