"""Which runs are launched again, and when that ends, with a launcher whose workers die as each test wants."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from training.run.folder import leases
from training.studies.outcome import RunOutcome
from training.studies.retries import Retries
from training.studies.study_plan import PlannedRun


class DeadWorkerError(Exception):
    pass


class Launcher:
    """Does runs one after the other, until one kills its worker.

    Args:
        deadly: how often a run kills its worker once it has begun, by the run's seed.
        failing: the seeds of runs that fail.
    """

    def __init__(self, deadly: dict[int, int], failing: Sequence[int] = ()):
        self.deadly, self.failing = deadly, failing
        self.launches: list[list[int]] = []
        self.made: list[int] = []

    def __call__(self, jobs: list[list[PlannedRun]]) -> list[list[RunOutcome]]:
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

    def _outcome(self, run: PlannedRun) -> RunOutcome:
        if run.seed in self.failing:
            return RunOutcome(run.overrides[0], "failed", "no luck")
        return RunOutcome(run.overrides[0], "finished")


DEAD = "filelock/2\npid=2147483646\nhost={host}\nmode=lease\ntoken=0\nduration=60.0\n"


@pytest.fixture(autouse=True)
def _dead_on_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from filelock import SoftFileLease

    with SoftFileLease(tmp_path / "lease") as lease:
        assert lease.owner is not None
        monkeypatch.setattr(f"{__name__}.DEAD", DEAD.format(host=lease.owner.hostname))


def retries(tmp_path: Path, launcher: Launcher, runs: int = 4, stack: int = 1) -> Retries:
    config = OmegaConf.create({})
    todo = [PlannedRun((f"seed={k}",), (), config, k, 0, tmp_path / str(k)) for k in range(runs)]
    return Retries(todo, launcher, stack, None, separate=True)


def test_what_a_dead_worker_left_is_launched_again_interrupted_runs_last(tmp_path: Path) -> None:
    launcher = Launcher({1: 1})
    outcome = retries(tmp_path, launcher).run()
    assert launcher.launches == [[0, 1, 2, 3], [2, 3], [1]]
    assert sorted(launcher.made) == [0, 1, 2, 3]
    assert (outcome.finished, outcome.pending, outcome.deaths, len(outcome.interrupted)) == (4, [], 1, 1)


def test_a_worker_whose_death_shows_only_after_a_while_has_interrupted_its_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in (("DURATION", 0.6), ("HEARTBEAT", 0.1)):  # PATIENCE stays that of the slowest machine
        monkeypatch.setattr(leases, name, seconds)
    elsewhere = DEAD.replace("host=", "host=far-away-").replace("duration=60.0", "duration=0.6")
    monkeypatch.setattr(f"{__name__}.DEAD", elsewhere)
    launcher = Launcher({1: 1})
    outcome = retries(tmp_path, launcher).run()
    assert launcher.launches == [[0, 1, 2, 3], [2, 3], [1]]
    assert (outcome.finished, outcome.deaths, outcome.interrupted) == (4, 1, {tmp_path / "1"})


def test_a_run_that_kills_every_worker_interrupts_no_other_run(tmp_path: Path) -> None:
    launcher = Launcher({0: 99, 1: 1})
    outcome = retries(tmp_path, launcher).run()
    assert sorted(launcher.made) == [1, 2, 3]
    assert [run.seed for run in outcome.pending] == [0]
    assert launcher.launches[-3:] == [[0]] * 3
    assert outcome.launcher_error == "DeadWorkerError: SIGKILL"


def test_failed_runs_are_not_launched_again_and_old_failures_do_not_count(tmp_path: Path) -> None:
    launcher = Launcher({3: 1}, failing=[0, 3])
    (tmp_path / "3").mkdir()
    (tmp_path / "3" / "failed").write_text("yesterday")
    outcome = retries(tmp_path, launcher).run()
    assert sorted(launcher.made) == [0, 1, 2, 3]
    assert [error for _, error in outcome.failures] == ["no luck", "no luck"]
    assert outcome.finished == 2


def test_a_launcher_that_cannot_start_anything_is_asked_three_times(tmp_path: Path) -> None:
    def broken(jobs: list[list[PlannedRun]]) -> list[list[RunOutcome]]:
        raise RuntimeError("no srun here")

    retried = retries(tmp_path, Launcher({}))
    retried.launch = broken
    outcome = retried.run()
    assert (outcome.deaths, len(outcome.pending), outcome.launcher_error) == (3, 4, "RuntimeError: no srun here")


def test_a_run_whose_mark_this_machine_does_not_see_yet_is_finished_if_its_worker_says_so(tmp_path: Path) -> None:
    launched: list[int] = []

    def unseen(jobs: list[list[PlannedRun]]) -> list[list[RunOutcome]]:
        launched.extend(run.seed for job in jobs for run in job)
        return [[RunOutcome(run.overrides[0], "finished") for run in job] for job in jobs]

    retried = retries(tmp_path, Launcher({}))
    retried.launch = unseen
    assert (retried.run().finished, launched) == (4, [0, 1, 2, 3])


def test_after_a_full_disk_nothing_is_launched(tmp_path: Path) -> None:
    launched: list[int] = []

    def full(jobs: list[list[PlannedRun]]) -> list[list[RunOutcome]]:
        launched.extend(run.seed for job in jobs for run in job)
        return [[RunOutcome("", "full", "the disk is full") for run in job] for job in jobs]

    retried = retries(tmp_path, Launcher({}))
    retried.launch, retried.at_once = full, 1
    outcome = retried.run()
    assert (outcome.disk_full, outcome.finished, len(outcome.pending)) == ("the disk is full", 0, 4)
    assert launched == [0]
