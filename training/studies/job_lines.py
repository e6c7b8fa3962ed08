"""The lines that a job prints: one for each of its runs, and each remark about the data once."""

import functools
import sys
import time
from collections.abc import Sequence

from training.run.folder import record
from training.run.folder.run_folder import Member
from training.run.terminal import REWRITE_LINE, print_line
from training.studies.job import Job
from training.studies.outcome import RunOutcome
from training.studies.progress import time_left


def print_start(members: Sequence[Member]) -> None:
    """On a terminal, print which runs are being trained; the next line replaces it."""
    if sys.stdout.isatty():
        more = f" and {len(members) - 1} more" if len(members) > 1 else ""
        print(f"{REWRITE_LINE}{_position(0)} {members[0].folder.record}{more} ...", end="", flush=True)


def print_outcome(k: int, outcome: RunOutcome, member: Member | None = None) -> None:
    """Print the line of a job's run.

    Args:
        k: the run's number within the job, from 0.
        outcome: of the run.
        member: the run; needed if it is finished.
    """
    if outcome.state == "finished":
        assert member is not None
        line = f"{outcome.run}: {_result(member)}"
    elif outcome.state == "failed":
        line = f"{outcome.run} FAILED: {outcome.error.rstrip('.')}"
    elif outcome.state == "elsewhere":
        line = f"{outcome.run}: left to another process"
    else:
        line = f"{outcome.run}: not done, the disk is full"
    print_line(f"{_position(k)} {line}{_time_left(k)}")


def _result(member: Member) -> str:
    """A finished run's score and seconds; prints the remarks about its data first."""
    row = record.result(member.folder.path)
    for remark in (row.get("warning"), member.config.get("data", {}).get("note")):
        if remark:
            _print_once(remark)
    score = member.folder.record.kind.headline
    return f"{score} {float(row[score]):.3f}, {float(row['seconds']):.1f} s"


@functools.cache
def _print_once(line: str) -> None:
    print_line(line)


def _position(k: int) -> str:
    job = Job.current()
    return f"[{job.first + k}/{job.total}]"


def _time_left(k: int) -> str:
    """The time that the remaining runs take at the speed of this command's runs so far."""
    job = Job.current()
    done, left = job.first + k - job.finished, job.total - job.first - k
    return f"; {time_left((time.time() - job.since) / done * left)}" if left else ""
