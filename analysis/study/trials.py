"""The trials of `tune=`: every setting that was tried for a cell, and its validation score."""

from pathlib import Path

import pandas as pd

from analysis.study.archive import TRIALS, archive_at
from cells.errors import UserError
from training.studies.trial_table import OF_SEARCH, TRIAL, TUNING


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
        try:
            tables.append(pd.read_csv(path, dtype={"settings": str}).assign(folder=str(path)))
        except ValueError as error:
            raise UserError(f"{path} cannot be read ({type(error).__name__}): remove it.") from error
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=[*OF_SEARCH, TRIAL, "folder"])
