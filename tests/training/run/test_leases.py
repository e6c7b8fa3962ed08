"""Who makes a run, when several processes or machines want to."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import SoftFileLease

from cells.errors import UserError
from training.run import leases
from training.run.errors import HeldError
from training.run.folder import RunFolder
from training.run.leases import MARKER, Claim, Wait, holder

HOLDER = """
import sys, time
from pathlib import Path
from training.claims import Claim
claim = Claim(Path(sys.argv[1]))
print(claim.take(), flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("DURATION", 0.9), ("HEARTBEAT", 0.15), ("SURE", 1.5)):
        monkeypatch.setattr(leases, name, seconds)
    monkeypatch.setenv("LSTM_CS_LEASE", "0.9")


def elsewhere(folder: Path) -> "subprocess.Popen[str]":
    """Another process that has the lease."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    return process


def on_another_machine(folder: Path) -> None:
    """What is left of a lease of a process there, which died."""
    lease = SoftFileLease(folder / MARKER, lease_duration=leases.DURATION)
    lease.acquire()
    text = (folder / MARKER).read_text()
    lease.release()
    (folder / MARKER).write_text(re.sub("^host=.*$", "host=far-away", text, flags=re.MULTILINE))


def test_one_process_has_a_lease_until_it_gives_it_back(tmp_path: Path) -> None:
    with elsewhere(tmp_path) as process:
        assert holder(tmp_path) == (os.uname().nodename, process.pid)
        time.sleep(2 * leases.DURATION)  # it touches it
        assert not Claim(tmp_path).take()
        assert Wait().look([tmp_path]) == ({tmp_path}, set())
        assert not Wait().until_one_is_free({tmp_path})
        process.send_signal(signal.SIGKILL)
    assert holder(tmp_path) is None
    claim = Claim(tmp_path)
    assert claim.take()  # at once: the process is dead
    assert claim.is_ours
    claim.release()
    assert list(tmp_path.iterdir()) == []


def test_a_lease_of_another_machine_is_free_when_nobody_touched_it_for_long_enough(tmp_path: Path) -> None:
    on_another_machine(tmp_path)
    assert not Claim(tmp_path).take()
    begin = time.monotonic()
    assert Wait().until_one_is_free({tmp_path})
    assert time.monotonic() - begin > 0.5 * leases.DURATION
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_was_taken_over_is_not_finished_by_its_first_holder(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run", {"seed": 0})
    run.claim()
    (run.path / MARKER).unlink()  # as if it had stood still for too long
    with elsewhere(run.path) as process:
        with pytest.raises(HeldError, match=rf"is being made by \S+ \(pid {process.pid}\)"):
            run.finish()
        run.fail("not ours to say")
        process.kill()
    assert not {"finished", "failed"} & {path.name for path in run.path.iterdir()}


def test_a_run_is_claimed_once(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run", {"seed": 0})
    run.claim()
    with pytest.raises(HeldError):
        RunFolder(tmp_path / "run", {"seed": 0}).claim()
    run.claim()
    run.release()
    assert [path.name for path in run.path.iterdir()] == ["config.yaml"]


@pytest.mark.parametrize("damage", ["{", "cell: [", "[seed]", "\xff"])
def test_a_damaged_configuration_is_one_sentence(tmp_path: Path, damage: str) -> None:
    run = RunFolder(tmp_path, {"seed": 0})
    (tmp_path / "config.yaml").write_bytes(damage.encode("latin-1"))
    with pytest.raises(UserError, match=r"config\.yaml is .*remove that folder"):
        run.is_finished()
