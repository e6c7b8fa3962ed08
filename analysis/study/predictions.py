"""Predictions of market runs without the prices, which belong to their source."""

import pandas as pd

PLACES = 9
"""Significant digits that are kept."""


BASELINES = ("persistence", "drift", "ar", "har", "garch", "ridge")
"""The columns of predictions.csv with the forecasts of baselines."""

FORECASTS = ("truth", "prediction", *BASELINES)
"""The columns of predictions.csv that are prices, or volatilities."""


def without_prices(predictions: pd.DataFrame) -> pd.DataFrame:
    """The predictions of the days that are scored, as numbers that tables can do the same with.

    - `protocol=walk_forward`, test days: everything divided by that day's persistence, so that `persistence` is 1. The
      table compares logarithms of such ratios.
    - `protocol=paper`, validated days: `truth` is 0 and `prediction` is the error. The tables use the errors alone.

    Args:
        predictions: rows of predictions.csv with the columns protocol, split, truth, prediction, and a column for each
            baseline, persistence among them.
    """
    walked = predictions["protocol"] == "walk_forward"
    test = predictions[walked & (predictions["split"] == "test")]
    forecasts = [name for name in FORECASTS if name in predictions]
    ratios = test.assign(**{name: test[name] / test["persistence"] for name in forecasts})
    val = predictions[~walked & (predictions["split"] == "val")]
    errors = val.assign(truth=0.0, prediction=val["prediction"] - val["truth"])
    errors = errors.drop(columns=[name for name in BASELINES if name in errors])
    parts = [part for part in (ratios, errors) if len(part)]
    rows = pd.concat(parts, ignore_index=True) if parts else errors
    kept = [name for name in forecasts if name in rows]
    return rows.assign(**{name: rows[name].map(_rounded, na_action="ignore") for name in kept})


def _rounded(value: float) -> float:
    return float(f"{value:.{PLACES}g}")
