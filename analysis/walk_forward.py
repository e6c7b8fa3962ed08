"""Walk-forward runs: the test days of all folds taken together, beside the baselines."""

import numpy as np
import pandas as pd

from forecasting.accuracy import compare

RUN = ["features", "sentiment", "control", "window", "horizon", "source"]
"""What the forecasts of one row have in common with those of its baselines."""

BASELINES = ["drift", "ar", "ridge"]


def pooled(predictions: pd.DataFrame) -> str:
    """Errors of log-returns relative to persistence, with the Diebold-Mariano p, and how often the direction is right.

    Each net and seed is a row over the test days of its folds in the order of time; baselines are the same for all.

    Args:
        predictions: rows of predictions.csv with protocol=walk_forward, each with the columns of RUN, model, cell,
            seed and fold.
    """
    test = predictions[predictions["split"] == "test"]
    rows = []
    for run, group in test.groupby(RUN, sort=False, dropna=False):
        named = dict(zip(RUN, run, strict=True))
        for (model, cell, seed), days in group.groupby(["model", "cell", "seed"], sort=False):
            rows.append({**named, "forecast": f"{model} {cell}, seed {seed}", **_scores(days, "prediction")})
        days = group.drop_duplicates("day")
        rows += [{**named, "forecast": name, **_scores(days, name)} for name in BASELINES]
    formats = {"relative_rmse": "{:.4f}".format, "direction": "{:.1%}".format}
    formats |= {p: "{:.3f}".format for p in ("dm_p", "direction_p")}
    table = pd.DataFrame(rows).astype({"sentiment": object, "control": object})
    return table.fillna({"sentiment": "-", "control": "-"}).to_string(index=False, formatters=formats)


def _scores(days: pd.DataFrame, forecast: str) -> dict[str, float]:
    days = days.sort_values("day")
    truth, foretold = (
        np.log(days[column].to_numpy() / days["persistence"].to_numpy()) for column in ("truth", forecast)
    )
    compared = compare(truth, foretold, np.zeros(len(days)), int(days["horizon"].iloc[0]))
    return {"days": len(days), **compared._asdict()}
