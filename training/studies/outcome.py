"""The outcome of runs and of a study, and the lines printed before and after a study."""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from cells.errors import UserError
from training.run.folder import provenance
from training.run.folder.leases import holder
from training.studies.study_plan import PlannedRun, StudyPlan


class RunOutcome(NamedTuple):
    """The outcome of one run.

    Attributes:
        run: its name.
        state: "elsewhere": another process trains it; "full": it was not started or not finished, the disk is full.
        error: why there is no result, in one line.
    """

    run: str
    state: Literal["finished", "failed", "elsewhere", "full"]
    error: str = ""


@dataclass
class StudyOutcome:
    """The outcome of a study's runs so far.

    Attributes:
        pending: runs that have neither a result nor an error yet.
        finished: how many of the runs to do have a result.
        failures: name and error of each failed run.
        deaths: how often the launcher gave up because a worker died.
        interrupted: the folders of runs that a worker had begun when it died.
        launcher_error: the launcher's last error.
        disk_full: the error that says so; empty if there is room.
    """

    pending: list[PlannedRun]
    finished: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    deaths: int = 0
    interrupted: set[Path] = field(default_factory=set)
    launcher_error: str = ""
    disk_full: str = ""

    @property
    def over(self) -> int:
        """How many runs have a result or an error."""
        return self.finished + len(self.failures)


def announce(plan: StudyPlan) -> None:
    """Print what a command is about to do."""
    todo, finished = len(plan.todo), len(plan.finished)
    if not todo:
        print(f"All {finished} runs are finished; nothing to do.")
    elif finished:
        print(f"{plan.total} runs, of which {finished} are finished.", flush=True)
    else:
        print(f"{todo} run{'s' if todo > 1 else ''}.", flush=True)
    for file, number in plan.changed.items():
        print(provenance.warning([file], "1 run was" if number == 1 else f"{number} runs were"), flush=True)


def conclude(plan: StudyPlan, outcome: StudyOutcome, in_full: bool, is_trial: bool = False) -> None:
    """Print what became of a command's runs.

    Args:
        plan: of the command.
        outcome: of the command.
        in_full: whether to print a summary even if nothing went wrong.
        is_trial: whether failures are results, because settings were tried; not if all runs failed.

    Raises:
        UserError: some runs have no result, and no other process trains them.
    """
    holders = [there for run in outcome.pending if run.path and (there := holder(run.path)) is not None]
    if in_full or outcome.deaths or holders or outcome.disk_full:
        for line in _summary(plan, outcome):
            print(line, flush=True)
    for there, number in Counter(holders).items():
        runs, them = ("1 run is", "it") if number == 1 else (f"{number} runs are", "them")
        print(f"{runs} being trained by {there}; give the same command again to see what became of {them}.", flush=True)
    for run, error in outcome.failures:
        print(f"{run}: {error}", file=sys.stderr)
    if outcome.disk_full:
        raise UserError(outcome.disk_full)
    if outcome.failures and not (is_trial and outcome.finished + len(plan.finished)):
        failed = f"{len(outcome.failures)} of {len(plan.todo)} runs failed, see above"
        raise UserError(f"{failed}; the same command tries them again.")
    _refuse_undone([run for run in outcome.pending if run.path is None or holder(run.path) is None], outcome)


def _refuse_undone(undone: Sequence[PlannedRun], outcome: StudyOutcome) -> None:
    for run in undone:
        print(f"{' '.join(run.overrides)}: not done", file=sys.stderr)
    if undone:
        why = f" ({outcome.launcher_error})" if outcome.launcher_error else ""
        raise UserError(f"{_runs(len(undone))} not done{why}; the same command tries again.")


def _summary(plan: StudyPlan, outcome: StudyOutcome) -> list[str]:
    finished = f"{_runs(outcome.finished)} finished now, {len(plan.finished)} before"
    lines = [f"{finished}; {len(outcome.failures)} failed." if outcome.failures else f"{finished}."]
    if outcome.interrupted:
        lines.append(f"{_runs(len(outcome.interrupted))} interrupted by the death of a worker and begun again.")
    elif outcome.deaths:
        times = "once" if outcome.deaths == 1 else f"{outcome.deaths} times"
        lines.append(f"The launcher gave up {times}.")
    return lines


def _runs(number: int) -> str:
    return "1 run was" if number == 1 else f"{number} runs were"
