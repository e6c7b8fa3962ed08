"""What is launched again, and when that ends, with a launcher whose workers die as the test wants."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from training.studies.retries import Rounds
from training.studies.study import Planned
from training.studies.worker import Outcome


class DeadWorkerError(Exception):
    pass


class Launcher:
    """Makes runs until it meets a deadly one.

    Args:
        deadly: how often a run kills its worker, by the run's seed; it has begun then.
        failing: runs that leave an error.
    """

    def __init__(self, deadly: dict[int, int], failing: Sequence[int] = ()):
        self.deadly, self.failing = deadly, failing
        self.launches: list[list[int]] = []
        self.made: list[int] = []

    def __call__(self, jobs: list[list[Planned]]) -> list[list[Outcome]]:
        runs = [run for job in jobs for run in job]
        self.launches.append([run.seed for run in runs])
        for run in runs:
            assert run.path is not None
            run.path.mkdir(exist_ok=True)
            if self.deadly.get(run.seed, 0) > 0:
                self.deadly[run.seed] -= 1
                (run.path / "running").write_text(DEAD)
                raise DeadWorkerError("SIGKILL")
            self.made.append(run.seed)
            (run.path / ("failed" if run.seed in self.failing else "finished")).write_text("no luck\nat all")
        return [[self._outcome(run) for run in job] for job in jobs]

    def _outcome(self, run: Planned) -> Outcome:
        if run.seed in self.failing:
            return Outcome(run.overrides[0], "failed", "no luck")
        return Outcome(run.overrides[0], "finished")


DEAD = "filelock/2\npid=2147483646\nhost={host}\nmode=lease\ntoken=0\nduration=60.0\n"


@pytest.fixture(autouse=True)
def _dead_on_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from filelock import SoftFileLease

    with SoftFileLease(tmp_path / "lease") as lease:
        assert lease.owner is not None
        monkeypatch.setattr(f"{__name__}.DEAD", DEAD.format(host=lease.owner.hostname))


def rounds(tmp_path: Path, launcher: Launcher, runs: int = 4, stack: int = 1) -> Rounds:
    config = OmegaConf.create({})
    todo = [Planned((f"seed={k}",), (), config, k, 0, tmp_path / str(k)) for k in range(runs)]
    return Rounds(todo, launcher, stack, None, apart=True)


def test_what_a_dead_worker_left_is_launched_again_the_begun_ones_last(tmp_path: Path) -> None:
    launcher = Launcher({1: 1})
    tally = rounds(tmp_path, launcher).make()
    assert launcher.launches == [[0, 1, 2, 3], [2, 3], [1]]
    assert sorted(launcher.made) == [0, 1, 2, 3]
    assert (tally.finished, tally.left, tally.deaths, len(tally.cut_off)) == (4, [], 1, 1)


def test_a_run_that_kills_its_worker_every_time_takes_no_other_with_it(tmp_path: Path) -> None:
    launcher = Launcher({0: 99, 1: 1})
    tally = rounds(tmp_path, launcher).make()
    assert sorted(launcher.made) == [1, 2, 3]
    assert [run.seed for run in tally.left] == [0]
    assert launcher.launches[-3:] == [[0]] * 3
    assert tally.reason == "DeadWorkerError: SIGKILL"


def test_failed_runs_are_not_launched_again_and_old_failures_do_not_count(tmp_path: Path) -> None:
    launcher = Launcher({3: 1}, failing=[0, 3])
    (tmp_path / "3").mkdir()
    (tmp_path / "3" / "failed").write_text("yesterday")
    tally = rounds(tmp_path, launcher).make()
    assert sorted(launcher.made) == [0, 1, 2, 3]
    assert [error for _, error in tally.failures] == ["no luck", "no luck"]
    assert tally.finished == 2


def test_a_launcher_that_cannot_start_anything_is_asked_three_times(tmp_path: Path) -> None:
    def broken(jobs: list[list[Planned]]) -> list[list[Outcome]]:
        raise RuntimeError("no srun here")

    made = rounds(tmp_path, Launcher({}))
    made.launch = broken
    tally = made.make()
    assert (tally.deaths, len(tally.left), tally.reason) == (3, 4, "RuntimeError: no srun here")


def test_after_a_full_disk_nothing_is_launched(tmp_path: Path) -> None:
    launched: list[int] = []

    def full(jobs: list[list[Planned]]) -> list[list[Outcome]]:
        launched.extend(run.seed for job in jobs for run in job)
        return [[Outcome("", "full", "the disk is full") for run in job] for job in jobs]

    made = rounds(tmp_path, Launcher({}))
    made.launch, made.at_once = full, 1
    tally = made.make()
    assert (tally.full, tally.finished, len(tally.left)) == ("the disk is full", 0, 4)
    assert launched == [0]
