"""The table of runs on a user's own series: each net beside the forecasts without a net, on the same folds."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from analysis.study.results import own_table
from analysis.tables.formatting import file_name, number
from analysis.tables.table import Table

SHARED = ["features", "target", "protocol", "window", "horizon"]
"""The columns that the runs of one table share."""

SCORES = ["rmse_original", "mae_original", "mase", "relative_rmse", "relative_seasonal"]
SHOWN_LEVEL = 0.9

NOTE = (
    "Means over seeds and folds of the scored part. MASE: 1 is the error of the seasonal naive forecast on the "
    "training part. relative_rmse: beside persistence, relative_seasonal: beside the same period of the last season; "
    "below 1 is better. held: the share of values inside the intervals of 90 %, and their mean width."
)


def series_tables(metrics: pd.DataFrame, baselines: pd.DataFrame) -> Iterator[Table]:
    """A table for each series, target, protocol, window and horizon.

    Args:
        metrics: rows of metrics.csv of such runs, each with its run's folder.
        baselines: rows of their baselines.csv.
    """
    scored = metrics.groupby("folder", sort=False).tail(1)
    intervals = _intervals(scored["folder"])
    for values, nets in scored.groupby(SHARED, sort=False):
        named = nets.assign(forecast=nets["model"] + " " + nets["cell"])
        beside = baselines.merge(nets[["folder", "split", "seed", "fold"]], on=["folder", "split", "seed", "fold"])
        beside = beside.drop_duplicates(["forecast", "fold"])  # they are the same for all nets
        rows = pd.concat([named, beside], ignore_index=True)
        rows = rows.assign(which=["prediction"] * len(named) + list(beside["forecast"]))
        rows = rows.merge(intervals, how="left", on=["folder", "which"])
        columns = [name for name in [*SCORES, "held", "width"] if name in rows and rows[name].notna().any()]
        numbers = rows.groupby("forecast", sort=False)[columns].mean()
        numbers.insert(0, "runs", rows.groupby("forecast", sort=False).size())
        features, target, protocol, *sizes = values
        settings = [f"{key} {value}" for key, value in zip(SHARED[3:], sizes, strict=True)]
        about = ", ".join([f"Series: {series_name(str(features), str(target))}", str(protocol), *settings])
        shown = numbers.assign(**{name: numbers[name].map(lambda each: number(each, 3)) for name in columns})
        shown["runs"] = numbers["runs"].astype(str)
        warnings = list(nets["warning"].dropna().unique())
        yield Table(file_name("series", *values), about, numbers.reset_index(), shown.reset_index(), [NOTE, *warnings])


def series_name(features: str, target: str) -> str:
    """A series as titles name it: its file, and the column if that has another name."""
    return features if features == target else f"{features} ({target})"


def _intervals(folders: pd.Series) -> pd.DataFrame:
    """The coverage and the width of the intervals of 90 % of each run and forecast."""
    tables = []
    for folder in folders:
        table = own_table(Path(str(folder)), "intervals")
        chosen = table[table["level"] == SHOWN_LEVEL].rename(columns={"forecast": "which", "coverage": "held"})
        tables.append(chosen[["which", "held", "width"]].assign(folder=folder))
    return pd.concat(tables, ignore_index=True)
