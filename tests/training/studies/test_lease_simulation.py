"""Leases and retries on simulated machines, see `lease_schedules`: no run is made twice to the end, none is lost."""

import sys
from collections.abc import Iterable

import pytest
from lease_schedules import MEMORY_DISK, play

from training.run.folder import leases, run_folder
from training.run.folder.attempt import Attempt
from training.run.folder.durable import write_atomically
from training.run.folder.leases import LeaseWatcher
from training.run.folder.run_folder import RunFolder

pytestmark = pytest.mark.skipif(not MEMORY_DISK.is_dir(), reason=f"there is no memory disk {MEMORY_DISK}")


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 300, 100))
def test_no_run_is_made_twice_to_the_end_and_none_is_lost(first: int) -> None:
    trained = sum(play(seed).events["train"] for seed in range(first, first + 100))
    assert trained > 150


def test_a_seed_replays_exactly() -> None:
    one, other = play(5), play(5)
    assert one.story == other.story
    assert len(one.story) > 10


def failure(seeds: Iterable[int]) -> str:
    """The fault of the first schedule that fails."""
    for seed in seeds:
        try:
            play(seed)
        except AssertionError as error:
            return str(error)
    return "nothing"


def test_a_lease_that_anybody_can_take_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases.Lease, "take", lambda lease: True)
    monkeypatch.setattr(leases.Lease, "is_ours", True)
    assert "is trained twice at once" in failure(range(20))


def test_a_mark_that_can_be_made_twice_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def write_mark(folder: RunFolder) -> None:
        write_atomically(folder._mark, "")

    monkeypatch.setattr(RunFolder, "check_lease", lambda folder: None)
    monkeypatch.setattr(RunFolder, "write", lambda folder, name, text: write_atomically(folder.path / name, text))
    monkeypatch.setattr(RunFolder, "_write_mark", write_mark)
    assert "was made twice to the end" in failure(range(300))


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10's pathlib keeps the real functions of os")
def test_a_claim_that_believes_what_its_machine_remembers_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_folder, "is_marked", lambda mark: mark.is_file())
    assert "has results of another attempt" in failure(range(60, 300))


def test_a_process_that_writes_after_it_lost_its_run_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Attempt, "end_others", lambda attempt: None)
    assert "has results of another attempt" in failure(range(30, 300))


def test_a_launcher_that_takes_every_holder_for_living_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LeaseWatcher, "_is_free", lambda watcher, folder: False)
    assert "is lost" in failure(range(50))
