"""Retries of a study: launch what is to do, look at what became of it, and launch the rest again."""

from collections.abc import Callable, Sequence
from pathlib import Path

from cells.errors import UserError
from conf.mistakes import message
from training.run.folder.leases import LeaseWatcher
from training.run.folder.run_folder import FAILED, MARK
from training.studies.outcome import RunOutcome, StudyOutcome
from training.studies.study_plan import PlannedRun, in_stacks

MAX_FRUITLESS = 3
"""Rounds in a row without a new result or error, after which the study gives up."""

Launch = Callable[[list[list[PlannedRun]]], list[list[RunOutcome]]]
"""Launches jobs, each a stack of runs, and returns the outcomes of each job. Raises if a worker died."""


class Retries:
    """Launches runs until each has a result or an error, whatever becomes of the workers.

    A run that has neither is launched again, until three rounds have brought nothing new. After a round that brought
    nothing, each run that was interrupted by its worker's death is launched alone: if it is what kills workers, it
    interrupts no other run.

    Args:
        todo: the runs.
        launch: launches jobs.
        stack: the largest number of runs trained as one.
        at_once: how many jobs are launched at a time; None: all.
        separate: whether a worker can die without this process.

    Attributes:
        outcome: of the study so far.
    """

    def __init__(self, todo: Sequence[PlannedRun], launch: Launch, stack: int, at_once: int | None, separate: bool):
        self.launch, self.stack, self.at_once, self.separate = launch, stack, at_once, separate
        self.outcome = StudyOutcome(list(todo))
        self._leases = LeaseWatcher()
        self._failed_before = {run.path: _failure_time(run.path) for run in todo if run.path}

    def run(self) -> StudyOutcome:
        """Launch rounds until nothing is left to do, and return the outcome."""
        outcome, fruitless = self.outcome, 0
        while outcome.pending and not outcome.disk_full and fruitless < MAX_FRUITLESS:
            leases = self._leases.look(run.path for run in outcome.pending if run.path)
            self._note_interrupted(leases.abandoned)
            free = [run for run in outcome.pending if run.path not in leases.held]
            before = outcome.over
            if free:
                self._round(free, bool(fruitless))
            elif (abandoned := self._leases.wait_for_one(leases.held)) is None:
                break
            else:  # the holder may look alive for a while after its death, on another machine or as a zombie
                self._note_interrupted(abandoned)
            self._settle({})
            fruitless = 0 if outcome.over > before or not free else fruitless + 1
        return outcome

    def _note_interrupted(self, abandoned: set[Path]) -> None:
        """Note the runs whose leases dead processes left, unless they may be those of an earlier command."""
        if self.outcome.deaths:
            self.outcome.interrupted |= abandoned

    def _round(self, free: list[PlannedRun], singly: bool) -> None:
        interrupted = [run for run in free if run.path in self.outcome.interrupted]
        fresh = [run for run in free if run.path not in self.outcome.interrupted]
        batches = self._batches(fresh, self.stack, self.at_once)
        batches += self._batches(interrupted, *((1, 1) if singly else (self.stack, self.at_once)))
        for jobs in batches:
            if not self.outcome.disk_full:
                self._launch(jobs)

    @staticmethod
    def _batches(runs: list[PlannedRun], stack: int, at_once: int | None) -> list[list[list[PlannedRun]]]:
        """Jobs, in the batches that are launched one after the other."""
        jobs = in_stacks(runs, stack)
        size = at_once or max(1, len(jobs))
        return [jobs[k : k + size] for k in range(0, len(jobs), size)]

    def _launch(self, jobs: list[list[PlannedRun]]) -> None:
        try:
            returned = self.launch(jobs)
        except Exception as error:
            if not self.separate or isinstance(error, UserError):
                raise
            self.outcome.deaths += 1
            self.outcome.launcher_error = message(error)
            return
        outcomes: dict[tuple[str, ...], RunOutcome] = {}
        for job, of_job in zip(jobs, returned, strict=True):
            outcomes |= {run.overrides: outcome for run, outcome in zip(job, of_job, strict=True)}
        self.outcome.disk_full = next((outcome.error for outcome in outcomes.values() if outcome.state == "full"), "")
        self._settle(outcomes)

    def _settle(self, outcomes: dict[tuple[str, ...], RunOutcome]) -> None:
        """Count the runs that are over, whether their workers say so or other processes left a result or an error."""
        pending = []
        for run in self.outcome.pending:
            outcome = outcomes.get(run.overrides)
            if outcome is not None and outcome.state == "failed":
                self.outcome.failures.append((outcome.run, outcome.error))
            elif run.path is not None and (_says_finished(outcome) or (run.path / MARK).is_file()):
                self.outcome.finished += 1
            elif run.path is not None and outcome is None and _failure_time(run.path) != self._failed_before[run.path]:
                report = (run.path / FAILED).read_text(encoding="utf-8")
                self.outcome.failures.append((str(run.path), report.partition("\n")[0]))
            else:
                pending.append(run)
        self.outcome.pending = pending


def _says_finished(outcome: RunOutcome | None) -> bool:
    """Whether the worker has seen the run's mark, which a network's disk may hide from this machine for a while."""
    return outcome is not None and outcome.state == "finished"


def _failure_time(path: Path) -> int:
    """When a run last failed, in nanoseconds since 1970; 0: never, or it has finished since."""
    try:
        return (path / FAILED).stat().st_mtime_ns
    except OSError:
        return 0
