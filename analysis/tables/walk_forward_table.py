"""The table of walk-forward runs: the test days of all folds taken together, beside the baselines."""

import numpy as np
import pandas as pd

from analysis.tables.table import Table
from cells.errors import UserError
from forecasting.accuracy import compare_with_persistence

RUN = ["features", "sentiment", "messages", "control", "window", "horizon", "target", "source"]
"""The columns that the forecasts of one row share with those of its baselines."""

BASELINES = ["drift", "ar", "har", "garch", "ridge"]
"""Columns of forecasts; closes and volatilities have not the same."""

VOLATILITY = "volatility"
NO_COIN = (
    "direction_p is the chance of a coin to be right as often, which says little of volatility: after a wild day a "
    "calmer one is likely."
)

ROUNDING = 1e-6
"""Relative difference between closes that does not count: other machines add in another order."""


def walk_forward_table(predictions: pd.DataFrame) -> Table:
    """RMSE of logarithms relative to persistence, with the Diebold-Mariano p, and how often the direction is right.

    Each net and seed is a row over the test days of its folds in the order of time; baselines are the same for all.

    Args:
        predictions: rows of predictions.csv of runs with protocol=walk_forward, with the columns of RUN, and with
            model, cell, seed and fold.

    Raises:
        UserError: runs that should share their baselines do not, because they have other folds, for example.
    """
    test = predictions[predictions["split"] == "test"]
    rows = []
    for run, group in test.groupby(RUN, sort=False, dropna=False):
        named = dict(zip(RUN, run, strict=True))
        for (model, cell, seed), days in group.groupby(["model", "cell", "seed"], sort=False):
            rows.append({**named, "forecast": f"{model} {cell}, seed {seed}", **_scores(days, "prediction")})
        _refuse_other_baselines(group)
        days = group.drop_duplicates("day")
        rows += [{**named, "forecast": name, **_scores(days, name)} for name in _baselines(days)]
    numbers = pd.DataFrame(rows)
    formats = {"relative_rmse": "{:.4f}", "direction": "{:.1%}", "dm_p": "{:.3f}", "direction_p": "{:.3f}"}
    optional = ["sentiment", "messages", "control"]
    shown = numbers.astype(dict.fromkeys(optional, object)).fillna(dict.fromkeys(optional, "-"))
    shown = shown.assign(**{name: numbers[name].map(text.format) for name, text in formats.items()})
    title = "Walk-forward: test days of all folds, beside persistence"
    notes = [NO_COIN] if (numbers["target"] == VOLATILITY).any() else []
    return Table("bitcoin_walk_forward", title, numbers, shown, notes)


def _baselines(rows: pd.DataFrame) -> list[str]:
    return [name for name in BASELINES if name in rows and rows[name].notna().all()]


def _refuse_other_baselines(group: pd.DataFrame) -> None:
    of_a_day = group.groupby("day")[_baselines(group)]
    most = of_a_day.max()
    if ((most - of_a_day.min()) > ROUNDING * most).any(axis=None):
        run = ", ".join(f"{key} {group[key].iloc[0]}" for key in RUN if group[key].notna().all())
        raise UserError(
            f"walk-forward runs of {run} have different baselines on the same days, so they differ in their folds or "
            "their data (see their config.yaml): give a folder with those of one kind."
        )


def _scores(days: pd.DataFrame, forecast: str) -> dict[str, float]:
    days = days.sort_values("day")
    truth, foretold = (
        np.log(days[column].to_numpy() / days["persistence"].to_numpy()) for column in ("truth", forecast)
    )
    compared = compare_with_persistence(truth, foretold, np.zeros(len(days)), int(days["horizon"].iloc[0]))
    return {"days": len(days), **compared._asdict()}
