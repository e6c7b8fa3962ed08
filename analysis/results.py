"""Reads the results of finished runs."""

from pathlib import Path

import pandas as pd


class ResultsError(Exception):
    """There is nothing to make a table of; the message says why."""


def read(runs: Path) -> pd.DataFrame:
    """Every row of every finished run's metrics.csv below `runs`: one row per fit and split.

    Raises:
        ResultsError: no such folder, or no finished run in it.
    """
    if not runs.is_dir():
        raise ResultsError(f"{runs} is not a folder; give the one that train.py wrote to, usually runs.")
    marks = sorted(runs.rglob("finished"))
    if not marks:
        raise ResultsError(f"{runs} holds no finished run; python train.py makes one.")
    return pd.concat([pd.read_csv(mark.with_name("metrics.csv")) for mark in marks], ignore_index=True)
