"""What a command that makes many runs says before and after."""

import sys
from collections import Counter

from cells.errors import UserError
from training.run.leases import holder
from training.studies.retries import Tally
from training.studies.study import Plan


def announce(plan: Plan) -> None:
    """Say what a command is about to do."""
    todo, finished = len(plan.todo), len(plan.finished)
    if not todo:
        print(f"All {finished} runs are finished; nothing to do.")
    elif finished:
        print(f"{todo + finished} runs, of which {finished} are finished.", flush=True)
    else:
        print(f"{todo} run{'s' if todo > 1 else ''}.", flush=True)


def end(plan: Plan, tally: Tally, in_full: bool) -> None:
    """Say what became of a command's runs.

    Args:
        plan: of the command.
        tally: what became of it.
        in_full: whether to say so where nothing went wrong, too.

    Raises:
        UserError: some runs have no result, and nobody makes them.
    """
    holders = [there for run in tally.left if run.path and (there := holder(run.path)) is not None]
    if in_full or tally.deaths or holders or tally.full:
        for line in _lines(plan, tally):
            print(line, flush=True)
    for there, number in Counter(holders).items():
        verb = "1 run is" if number == 1 else f"{number} runs are"
        print(f"{verb} being made by {there}; the same command again shows what became of them.", flush=True)
    for run, error in tally.failures:
        print(f"{run}: {error}", file=sys.stderr)
    if tally.full:
        raise UserError(tally.full)
    if tally.failures:
        failed = f"{len(tally.failures)} of {len(plan.todo)} runs failed, see above"
        raise UserError(f"{failed}; the same command tries them again.")
    unmade = [run for run in tally.left if run.path is None or holder(run.path) is None]
    for planned in unmade:
        print(f"{' '.join(planned.overrides)}: not made", file=sys.stderr)
    if unmade:
        why = f" ({tally.reason})" if tally.reason else ""
        raise UserError(f"{_runs(len(unmade))} not made{why}; the same command tries again.")


def _lines(plan: Plan, tally: Tally) -> list[str]:
    finished = f"{_runs(tally.finished)} finished now, {len(plan.finished)} before"
    lines = [f"{finished}; {len(tally.failures)} failed." if tally.failures else f"{finished}."]
    if tally.cut_off:
        lines.append(f"{_runs(len(tally.cut_off))} cut off by the death of a worker and begun again.")
    elif tally.deaths:
        times = "once" if tally.deaths == 1 else f"{tally.deaths} times"
        lines.append(f"The launcher gave up {times}.")
    return lines


def _runs(number: int) -> str:
    return "1 run was" if number == 1 else f"{number} runs were"
