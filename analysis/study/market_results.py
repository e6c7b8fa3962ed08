"""Finished runs on the market, with the columns that older versions did not write."""

from pathlib import Path

import pandas as pd

from analysis.study import results

OLDER = {"target": "close", "messages": None}
"""Columns that older runs lack, and what they did."""


def read(runs: Path) -> pd.DataFrame:
    """Every row of the metrics.csv of the finished runs on the market, see `results.read`.

    Raises:
        UserError: there are none.
    """
    return filled(results.read(runs, "features"))


def read_table(runs: Path, table: str) -> pd.DataFrame:
    """Every row of another table of these runs, see `results.read_table`.

    Raises:
        UserError: one of the tables is missing or damaged.
    """
    return filled(results.read_table(runs, "features", table))


def scored(runs: Path) -> pd.DataFrame:
    """The row of metrics.csv about the part that is scored, the last one, for each finished run.

    Raises:
        UserError: there are none.
    """
    return read(runs).groupby("folder", sort=False).tail(1).reset_index(drop=True)


def filled(table: pd.DataFrame) -> pd.DataFrame:
    """The table with the columns of OLDER, and what older runs did where they are empty."""
    table = table.assign(**{name: did for name, did in OLDER.items() if name not in table})
    return table.fillna({name: did for name, did in OLDER.items() if did is not None})
