"""The trials of `tune=`: every setting that was tried for a cell, and its validation score."""

from pathlib import Path

import pandas as pd

from analysis.study.archive import TRIALS, archive_at
from analysis.study.written_table import read_written
from cells.errors import UserError
from training.run.folder.checked_table import Fault, is_number, read, refuse_missing, shown
from training.studies.trial_table import OF_SEARCH, SCORE, TRIAL, TUNING


def read_trials(runs: Path) -> pd.DataFrame:
    """The rows of each `TrialTable` below `runs`, and its file in the column folder; no rows if nothing was tuned.

    Args:
        runs: a folder that was runs_dir, or an archive of runs.

    Raises:
        UserError: a table is damaged.
    """
    if archived := archive_at(runs):
        return archived.rows(TRIALS)
    tables = []
    for path in sorted((runs / TUNING).glob("*.csv")):
        _refuse_damage(path)
        tables.append(read_written(path).assign(folder=str(path)))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=[*OF_SEARCH, TRIAL, "folder"])


def _refuse_damage(path: Path) -> None:
    try:
        table = read(path)
        refuse_missing(table, (*OF_SEARCH, TRIAL, SCORE))
        for line, row in enumerate(table.rows, 2):
            for name in (TRIAL, SCORE):
                if not is_number(row[name], always=True, infinite=False):
                    raise Fault(f"{path.name} has {shown(row[name])} for {name} in line {line}")
    except Fault as fault:
        raise UserError(f"{path.parent / str(fault)}: remove it.") from fault
