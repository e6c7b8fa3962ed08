"""Reads the results of finished runs."""

from pathlib import Path

import pandas as pd


class ResultsError(Exception):
    """There is nothing to make a table of; the message says why."""


def read(runs: Path, label: str = "data") -> pd.DataFrame:
    """Every row of the metrics.csv of finished runs below `runs`: one row per fit and split.

    Args:
        runs: a folder.
        label: "data" for runs on texts, "features" for those on the market.

    Raises:
        ResultsError: no such folder, or no such finished run in it.
    """
    return pd.concat(_metrics(runs, label).values(), ignore_index=True)


def read_table(runs: Path, label: str, table: str) -> pd.DataFrame:
    """Every row of another table of these runs, with the columns of metrics.csv that are the same for all its rows."""
    tables = []
    for folder, metrics in _metrics(runs, label).items():
        rows = pd.read_csv(folder / f"{table}.csv")
        same = [str(name) for name in metrics if name not in rows and metrics[name].nunique(dropna=False) == 1]
        tables.append(rows.assign(**{name: metrics[name].iloc[0] for name in same}))
    return pd.concat(tables, ignore_index=True)


def _metrics(runs: Path, label: str) -> dict[Path, pd.DataFrame]:
    """metrics.csv of each finished run that has the column `label`, by its folder."""
    if not runs.is_dir():
        raise ResultsError(f"{runs} is not a folder; give the one that train.py wrote to, usually runs.")
    marks = sorted(runs.rglob("finished"))
    metrics = {mark.parent: pd.read_csv(mark.with_name("metrics.csv")) for mark in marks}
    found = {folder: rows for folder, rows in metrics.items() if label in rows}
    if not found:
        raise ResultsError(f"{runs} holds no finished run with {label}=; python train.py {label}=NAME makes one.")
    return found
