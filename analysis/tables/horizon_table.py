"""Forecasts of several horizons beside each other, the Bitcoin paper's future work: RMSE relative to persistence."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from analysis.statistics.significance import t_test
from analysis.tables.formatting import file_name
from analysis.tables.market_differences import interval
from analysis.tables.table import Table

SHARED = ["cell", "target", "source", "window"]
"""The columns that the runs of one table share."""

ROW = ["features", "sentiment", "model"]

NOTE = (
    "RMSE divided by that of persistence on the same days, mean over seeds [95 % interval over seeds, Student's t]; "
    "below 1 is better. Horizons are days on which all markets trade: 5 are a week, 21 a month. The error of "
    "persistence itself grows with the horizon."
)


def horizon_tables(metrics: pd.DataFrame) -> Iterator[Table]:
    """A table for each cell, target, source and window that was run with more than one horizon.

    Args:
        metrics: rows of metrics.csv of runs with protocol=paper and without a control.
    """
    for values, rows in metrics[metrics["split"] == "val"].groupby(SHARED, sort=False):
        if rows["horizon"].nunique() > 1:
            found = rows.groupby([*ROW, "horizon"], dropna=False, sort=False)["relative_rmse"]
            numbers = found.agg(["mean", "std", "size"]).reset_index()
            n = numbers["size"].where(numbers["size"] > 1).to_numpy(float)
            test = t_test(numbers["mean"].to_numpy(), numbers["std"].to_numpy() / np.sqrt(n), n - 1)
            numbers = numbers.assign(low=test.low, high=test.high).sort_values("horizon", kind="stable")
            about = ", ".join(f"{name} {value}" for name, value in zip(SHARED, values, strict=True))
            least, most = numbers["size"].min(), numbers["size"].max()
            notes = [NOTE, f"Seeds: {least}" + (f" to {most}." if most > least else ".")]
            yield Table(file_name("bitcoin_horizons", *values), f"Horizons: {about}", numbers, _shown(numbers), notes)


def _shown(numbers: pd.DataFrame) -> pd.DataFrame:
    """A row for each feature set and model, a column for each horizon."""
    columns = numbers[["mean", "low", "high"]].to_numpy()
    texts = [f"{mean:.3f}{interval(low, high)}" for mean, low, high in columns]
    rows = numbers.assign(text=texts, sentiment=numbers["sentiment"].astype(object).fillna("-"))
    rows["horizon"] = rows["horizon"].map(lambda days: f"{days} day" + ("s" if days > 1 else ""))
    shown = rows.pivot_table("text", ROW, "horizon", "first", sort=False)
    return shown.fillna("-").rename_axis(columns=None).reset_index()
