"""The errors of market runs, day by day, from their predictions."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from analysis.statistics.contrasts import Contrasts, Field


def contrasts(metrics: pd.DataFrame, predictions: pd.DataFrame) -> list[Contrasts]:
    """The errors of runs on their validated days; those with the most fields first.

    Args:
        metrics: rows of metrics.csv of runs that differ in window, features, model and seed only.
        predictions: rows of predictions.csv of these runs, and perhaps of others, each with its run's folder.

    Returns:
        One entry for all fields that were validated on the same days.
    """
    by_days: dict[tuple[str, ...], dict[Field, pd.DataFrame]] = {}
    for field, table in _by_field(metrics, predictions):
        by_days.setdefault(tuple(table.columns), {})[field] = table
    return [Contrasts(errors) for errors in sorted(by_days.values(), key=len, reverse=True)]


def _by_field(metrics: pd.DataFrame, predictions: pd.DataFrame) -> Iterator[tuple[Field, pd.DataFrame]]:
    """Each field and days with its errors in scaled units: a row for each seed, a column for each day."""
    scores = metrics[metrics["split"] == "val"].set_index("folder")
    val = predictions[(predictions["split"] == "val") & predictions["folder"].isin(scores.index)]
    error = val["prediction"] - val["truth"]
    size = np.sqrt((error**2).groupby(val["folder"]).mean())
    # Scaled units per dollar: min-max scaling is linear, so the two RMSEs of a run have the ratio of the units.
    scale: pd.Series = (scores["rmse"] / size).where(size > 0, 0.0)
    scaled = val[["folder", "day"]].assign(error=error * val["folder"].map(scale))
    for field, runs in scores.reset_index().groupby(["window", "features", "model"], sort=False):
        rows = scaled.merge(runs[["folder", "seed"]], on="folder")
        days = rows.groupby("folder")["day"].agg(tuple)
        for _, same in rows.groupby(rows["folder"].map(days)):
            yield Field(*field), same.pivot(index="seed", columns="day", values="error")
