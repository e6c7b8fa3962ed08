"""How far studies are, seen from any terminal or machine that sees their runs: `python -m analysis status RUNS`."""

import sys
import time
from pathlib import Path

from cells.errors import UserError
from training.studies import progress

EVERY = 3.0
"""Seconds between two looks with --watch."""


def status(runs: Path) -> str:
    """Two lines for each study in a folder, and one for all their runs together.

    Raises:
        UserError: there is no study.
    """
    studies = _studies(runs)
    lines = []
    for study in studies:
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(study.since))
        lines.append(f"{study.command}  ({study.host}, pid {study.pid}, since {since})")
        lines.append(f"  {progress.progress_of(study.folders, study.since, study.invalid)}")
    if len(studies) > 1:
        lines.append(f"all  {_total(studies)}")
    return "\n".join(lines)


def follow(runs: Path) -> str:
    """Print one line about all studies' runs and keep it up to date until all runs are over; returns the last line.

    Raises:
        UserError: there is no study.
    """
    while True:
        total = _total(_studies(runs))
        if total.done + total.failed == total.total:
            return _line(total)
        print(_line(total), end="" if sys.stdout.isatty() else "\n", flush=True)
        try:
            time.sleep(EVERY)
        except KeyboardInterrupt:
            return ""


def _line(total: progress.Progress) -> str:
    return f"{progress.REWRITE_LINE if sys.stdout.isatty() else ''}{total}"


def _total(studies: list[progress.StudyRecord]) -> progress.Progress:
    folders = dict.fromkeys(folder for study in studies for folder in study.folders)
    invalid = sum(study.invalid for study in studies)
    return progress.progress_of(folders, min(study.since for study in studies), invalid)


def _studies(runs: Path) -> list[progress.StudyRecord]:
    paths = sorted((runs / progress.STUDIES).glob("*.json"))
    if not paths:
        raise UserError(
            f"{runs} holds no study; give the runs_dir of one (python train.py -m ... or experiment=...), usually runs."
        )
    return sorted(map(progress.read_record, paths), key=lambda study: study.since)
