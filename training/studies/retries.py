"""Rounds of a study: launch what is left, look what became of it, launch the rest again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cells.errors import UserError
from conf.command_line import message
from training.run.folder import FAILED, MARK
from training.run.leases import Wait
from training.studies.study import Planned, stacked
from training.studies.worker import Outcome

FRUITLESS = 3
"""Rounds without a new result after which no more are begun."""

Launch = Callable[[list[list[Planned]]], list[list[Outcome]]]
"""Makes jobs, which are stacks of runs, and returns the outcomes of each. Raises if a worker died."""


@dataclass
class Tally:
    """What became of a study's runs.

    Attributes:
        left: runs without a result yet.
        finished: how many there are by now that were to be made.
        failures: of the failed ones, run and error.
        deaths: how often the launcher gave up because of a worker.
        cut_off: runs that a dead worker had begun.
        reason: what the launcher said last.
        full: why there is nothing to be made any more.
    """

    left: list[Planned]
    finished: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    deaths: int = 0
    cut_off: set[Path] = field(default_factory=set)
    reason: str = ""
    full: str = ""

    @property
    def over(self) -> int:
        """How many runs have a result or an error."""
        return self.finished + len(self.failures)


class Rounds:
    """Makes runs, whatever becomes of the workers.

    A run that is neither finished nor failed is launched again, until there have been three rounds without a new
    result. In a round after such a one each run that a dead worker had begun is launched alone: if it is what its
    worker died of, it takes no other with it.

    Args:
        todo: the runs.
        launch: makes them.
        stack: how many at most are trained as one.
        at_once: how many jobs are launched at a time; None: all.
        apart: whether a worker can die alone.
    """

    def __init__(self, todo: Sequence[Planned], launch: Launch, stack: int, at_once: int | None, apart: bool):
        self.launch, self.stack, self.at_once, self.apart = launch, stack, at_once, apart
        self.tally = Tally(list(todo))
        self._wait = Wait()
        self._failed_before = {run.path: _failed(run.path) for run in todo if run.path}

    def make(self) -> Tally:
        """Make them."""
        tally, fruitless = self.tally, 0
        while tally.left and not tally.full and fruitless < FRUITLESS:
            look = self._wait.look(run.path for run in tally.left if run.path)
            if tally.deaths:
                tally.cut_off |= look.cut_off
            free = [run for run in tally.left if run.path not in look.held]
            before = tally.over
            if free:
                self._round(free, bool(fruitless))
            elif not self._wait.until_one_is_free(look.held):
                break
            self._settle({})
            fruitless = 0 if tally.over > before or not free else fruitless + 1
        return tally

    def _round(self, free: list[Planned], singly: bool) -> None:
        begun = [run for run in free if run.path in self.tally.cut_off]
        fresh = [run for run in free if run.path not in self.tally.cut_off]
        launches = [*self._launches(fresh, self.stack, self.at_once)]
        launches += self._launches(begun, 1, 1) if singly else self._launches(begun, self.stack, self.at_once)
        for jobs in launches:
            if not self.tally.full:
                self._launch(jobs)

    @staticmethod
    def _launches(runs: list[Planned], stack: int, at_once: int | None) -> list[list[list[Planned]]]:
        stacks = stacked(runs, stack)
        size = at_once or max(1, len(stacks))
        return [stacks[k : k + size] for k in range(0, len(stacks), size)]

    def _launch(self, jobs: list[list[Planned]]) -> None:
        try:
            returned = self.launch(jobs)
        except Exception as error:
            if not self.apart or isinstance(error, UserError):
                raise
            self.tally.deaths += 1
            self.tally.reason = message(error)
            return
        outcomes: dict[tuple[str, ...], Outcome] = {}
        for stack, of_stack in zip(jobs, returned, strict=True):
            outcomes |= {run.overrides: outcome for run, outcome in zip(stack, of_stack, strict=True)}
        self.tally.full = next((outcome.error for outcome in outcomes.values() if outcome.state == "full"), "")
        self._settle(outcomes)

    def _settle(self, outcomes: dict[tuple[str, ...], Outcome]) -> None:
        """Count the runs that are over: as their workers say, and as other processes left them."""
        left = []
        for run in self.tally.left:
            outcome = outcomes.get(run.overrides)
            if outcome is not None and outcome.state == "failed":
                self.tally.failures.append((outcome.run, outcome.error))
            elif run.path is not None and (run.path / MARK).exists():
                self.tally.finished += 1
            elif run.path is not None and outcome is None and _failed(run.path) != self._failed_before[run.path]:
                report = (run.path / FAILED).read_text(encoding="utf-8")
                self.tally.failures.append((str(run.path), report.partition("\n")[0]))
            else:
                left.append(run)
        self.tally.left = left


def _failed(path: Path) -> int:
    """When a run failed last, in nanoseconds; 0: never, or it was begun again."""
    try:
        return (path / FAILED).stat().st_mtime_ns
    except OSError:
        return 0
