"""Who trains a run, when several processes or machines want to."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import Command
from filelock import SoftFileLease

from cells.errors import UserError
from training.run.folder import checkpoints, leases, run_folder
from training.run.folder.attempt import PREFIX, Attempt
from training.run.folder.errors import HeldError
from training.run.folder.leases import LEASE_FILE, Lease, LeaseStates, LeaseWatcher, holder
from training.run.folder.record import Record
from training.run.folder.run_folder import MARK, Member, RunFolder
from training.studies import worker

HOLDER = """
import sys
from pathlib import Path
from training.run.folder import leases
leases.HEARTBEAT = 0.1
lease = leases.Lease(Path(sys.argv[1]))
print(lease.take(), flush=True)
sys.stdin.read()
"""


@contextmanager
def elsewhere(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process that has the lease until the end of the block."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        env={**os.environ, "LSTM_CS_LEASE": str(leases.DURATION)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        try:
            yield process
        finally:
            process.kill()


def left_by_another_machine(folder: Path) -> None:
    """Leave the lease of a process that died on another machine."""
    lease = SoftFileLease(folder / LEASE_FILE, lease_duration=leases.DURATION)
    lease.acquire()
    text = (folder / LEASE_FILE).read_text()
    lease.release()
    (folder / LEASE_FILE).write_text(re.sub("^host=.*$", "host=far-away", text, flags=re.MULTILINE))


@pytest.mark.processes
def test_a_process_has_a_lease_as_long_as_it_lives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("DURATION", 600.0), ("HEARTBEAT", 0.1), ("PATIENCE", 700.0)):
        monkeypatch.setattr(leases, name, seconds)
    with elsewhere(tmp_path) as process:
        assert holder(tmp_path) == (os.uname().nodename, process.pid)
        assert not Lease(tmp_path).take()
        assert LeaseWatcher().look([tmp_path]) == LeaseStates(held={tmp_path}, abandoned=set())
        with monkeypatch.context() as patch:
            patch.setattr(leases, "PATIENCE", 1.0)
            assert LeaseWatcher().wait_for_one({tmp_path}) is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert holder(tmp_path) is None
        lease = Lease(tmp_path)
        while not lease.take():  # soon, long before DURATION: the process is dead
            time.sleep(0.05)
    assert lease.is_ours
    lease.release()
    assert list(tmp_path.iterdir()) == []


def test_a_lease_of_another_machine_is_free_when_nobody_touched_it_for_its_duration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "DURATION", 0.6)
    monkeypatch.setattr(leases, "HEARTBEAT", 0.1)
    begin = time.monotonic()
    left_by_another_machine(tmp_path)
    assert LeaseWatcher().wait_for_one({tmp_path}) == {tmp_path}
    assert time.monotonic() - begin > 0.5 * leases.DURATION
    assert list(tmp_path.iterdir()) == []


def test_a_fresh_lease_of_another_machine_is_held(tmp_path: Path) -> None:
    left_by_another_machine(tmp_path)
    assert not Lease(tmp_path).take()
    assert holder(tmp_path) is not None


@pytest.mark.processes
def test_a_run_that_was_taken_over_is_not_finished_by_its_first_holder(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run", Record({"seed": 0}))
    run.claim()
    (run.path / LEASE_FILE).unlink()  # as if it had stood still for too long
    with elsewhere(run.path) as process:
        with pytest.raises(HeldError, match=rf"is being trained by \S+ \(pid {process.pid}\)"):
            run.finish()
        run.fail("not ours to say")
    assert not {"finished", "failed"} & {path.name for path in run.path.iterdir()}


def test_a_run_is_finished_once_even_if_its_holder_stood_still_after_its_last_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, other = (RunFolder(tmp_path / "run", Record({"seed": 0})) for _ in range(2))
    run.claim()
    (run.path / LEASE_FILE).unlink()  # as if it had stood still for too long
    other.claim()
    other.write("metrics.csv", "the other's\n")
    other.finish()
    with pytest.raises(HeldError):
        run.check_lease()  # before it writes any result
    monkeypatch.setattr(run, "check_lease", lambda: None)
    for change in (
        lambda: run.write("metrics.csv", "ours\n"),
        lambda: checkpoints.save({"global_step": 1}, run.tested_checkpoint, run),
        run.finish,
    ):
        with pytest.raises(HeldError):
            change()
    run.fail("not ours to say")
    files = sorted(path.name for path in run.path.iterdir() if path.is_file())
    assert files == ["config.yaml", "finished", "metrics.csv"]
    assert (run.path / "metrics.csv").read_text() == "the other's\n"
    assert not run.tested_checkpoint.exists()


def test_a_mark_that_this_machine_does_not_see_yet_is_found_by_a_claim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, other = (RunFolder(tmp_path / "run", Record({"seed": 0})) for _ in range(2))
    run.claim()
    run.finish()
    looks = Path.is_file
    with monkeypatch.context() as patch:  # as a network's disk hides new names from those who looked before
        patch.setattr(Path, "is_file", lambda path: path.name != MARK and looks(path))
        assert not other.is_finished()
        with pytest.raises(HeldError):
            other.claim()
        assert other.is_finished()
    assert sorted(path.name for path in run.path.iterdir()) == ["config.yaml", "finished"]
    assert (run.path / MARK).is_file()


def test_what_a_killed_process_left_is_cleared_by_the_next(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run", Record({"seed": 0}))
    (run.path / f"{PREFIX}0").mkdir(parents=True)
    (run.path / f"{PREFIX}0" / "model.ckpt").write_text("half of it")
    (run.path / MARK).mkdir()  # killed while it looked whether there is a mark
    assert not run.is_finished()
    assert RunFolder.finished_below(tmp_path) == []
    run.claim()
    (run.path / MARK).mkdir()  # a process that lost its lease wakes up where it looks
    run.finish()
    assert RunFolder(run.path, run.record).is_finished()
    assert sorted(path.name for path in run.path.iterdir()) == ["config.yaml", "finished"]


def test_an_attempt_that_loses_its_lease_while_it_begins_ends_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, other = (RunFolder(tmp_path / "run", Record({"seed": 0})) for _ in range(2))

    def taken_over(path: Path) -> Attempt:
        (path / LEASE_FILE).unlink()  # as if it had stood still for too long
        monkeypatch.setattr(run_folder, "Attempt", Attempt)
        other.claim()
        monkeypatch.setattr(Lease, "is_ours", False)  # a lease knows its process, and here both have the same
        return Attempt(path)

    monkeypatch.setattr(run_folder, "Attempt", taken_over)
    with pytest.raises(HeldError):
        run.claim()
    monkeypatch.undo()
    other.finish()
    assert other.is_finished()


def test_a_run_is_claimed_once(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run", Record({"seed": 0}))
    run.claim()
    with pytest.raises(HeldError):
        RunFolder(tmp_path / "run", Record({"seed": 0})).claim()
    run.claim()
    run.release()
    assert [path.name for path in run.path.iterdir()] == ["config.yaml"]


@pytest.mark.parametrize("damage", ["{", "cell: [", "[seed]", "\xff"])
def test_a_damaged_configuration_is_one_sentence(tmp_path: Path, damage: str) -> None:
    run = RunFolder(tmp_path, Record({"seed": 0}))
    (tmp_path / "config.yaml").write_bytes(damage.encode("latin-1"))
    with pytest.raises(UserError, match=r"config\.yaml is .*remove that folder"):
        run.is_finished()


@pytest.mark.parametrize("dies", [False, True])
@pytest.mark.usefixtures("nothing_drawn")
def test_a_command_waits_for_another_that_took_the_run_after_its_look(
    train_here: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies: bool
) -> None:
    train, calls = worker._train, list[int]()

    def taken_by_another_at_first(members: Sequence[Member]) -> None:
        calls.append(1)
        if len(calls) > 1 or not dies:
            train(members)
        if len(calls) == 1:
            raise HeldError(members[0].folder.path, None)

    monkeypatch.setattr(worker, "_train", taken_by_another_at_first)
    done = train_here("data=robo", "epochs=1", "model.embedding=4", "model.hidden=4")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(calls) == 1 + dies
    assert ("is finished; nothing to do" in done.stdout) != dies
    assert len(list(tmp_path.rglob("finished"))) == 1
