"""Changes of a forecast's error, in percent, between each cell and the baseline on one series."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.statistics.power import least_detectable
from analysis.statistics.significance import alterations_tested, corrected_t_test, holm_over_alterations
from datamodules.market.windows import HELD_OUT

METRICS = ("rmse", "mae")
"""The errors that are compared, in scaled units: in these each series of a file counts alike."""

SEED, FOLD = "seed", "fold"
"""The units of a comparison, see `error_changes`."""


def error_changes(errors: pd.DataFrame, group: Sequence[str]) -> pd.DataFrame:
    """By how many percent each cell's errors differ from the baseline's.

    Runs of one seed and fold are a pair. The logarithms of the ratios cell / baseline are averaged, so that half of an
    error and twice an error cancel, and what comes out is shown as a percentage: 100 (exp(mean) - 1).

    What the mean is over, the unit, is what an interval can speak of:

    - fold, where there are two or more: the mean over the seeds of a fold is its one value, since nets of other seeds
      are tested on the same periods and say nothing about others. Its chance holds that of the seeds, too. Folds of a
      walk forward are not independent, as a later one trains on what an earlier one was tested on: the variance is that
      of `corrected_t_test`, with the mean of these folds' n_test / n_train. That test was made for cross-validation;
      for a walk forward there is none, and without the correction the interval would certainly be too short.
    - seed, where there is one fold: what other initial weights would give on the very same periods.

    Args:
        errors: a row for each run: the columns of `group`, cell, seed, fold, n_folds, and METRICS.
        group: columns that the compared runs share.

    Returns:
        A row for each group, cell and metric, or none: pairs, seeds, folds; unit, units; baseline, error: mean errors;
        change, low, high, in percent; se, of the mean logarithm; p, and p_holm over the cells of the group, see
        `kinds_of_cells`; tests: how many they are; detectable: the least change in percent that is found with 80 %
        power in the strictest step of Holm's correction. NaN where there is one unit alone, or an error of 0.
    """
    pair = [*group, SEED, FOLD, "n_folds"]
    base = errors.loc[errors["cell"] == "baseline", [*pair, *METRICS]]
    both = errors[errors["cell"] != "baseline"].merge(base, on=pair, suffixes=("", "_base"))
    compared = both.groupby([*group, "cell"], sort=False)
    rows = [_change(rows, key, metric) for key, rows in compared for metric in METRICS]
    names = [*group, "cell", "metric", *_MEASURED]
    table = pd.DataFrame(rows, columns=names)
    if table.empty:
        return table
    family = [*group, "metric"]
    table["p_holm"] = holm_over_alterations(table, family)
    table["tests"] = alterations_tested(table, family)
    table["detectable"] = [
        _percent(least_detectable(row["se"], row["units"] - 1, row["tests"])) for _, row in table.iterrows()
    ]
    return table


_MEASURED = ("pairs", "seeds", "folds", "unit", "units", "baseline", "error", "change", "low", "high", "se", "p")


def _change(rows: pd.DataFrame, key: tuple[object, ...], metric: str) -> tuple[object, ...]:
    error, base = rows[metric], rows[f"{metric}_base"]
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = rows.assign(ratio=np.log(error / base))
    unit = FOLD if rows[FOLD].nunique() > 1 else SEED
    values = logs.groupby(unit)["ratio"].agg(lambda ratios: ratios.mean(skipna=False))
    mean = float(values.mean(skipna=False))
    sd = float(values.std(ddof=1)) if np.isfinite(mean) else np.nan
    ratio = float(_tests_per_training(rows).mean()) if unit == FOLD else 0.0
    test = corrected_t_test(mean, sd, len(values), ratio)
    counts = (len(rows), rows[SEED].nunique(), rows[FOLD].nunique(), unit, len(values))
    interval = (_percent(each) for each in (mean, float(test.low), float(test.high)))
    return (*key, metric, *counts, base.mean(), error.mean(), *interval, float(test.se), float(test.p))


def _tests_per_training(rows: pd.DataFrame) -> pd.Series:
    """n_test / n_train of each fold k of K, as `datamodules.market.windows.walk_forward_splits` cuts them.

    Each tests a K-th of the later half of all periods; of those before it, (K + k) / 2K, it trains on four fifths.
    """
    return 1 / ((1 - HELD_OUT) * (rows["n_folds"] + rows[FOLD]))


def _percent(logarithm: float) -> float:
    return float(100 * np.expm1(logarithm)) if np.isfinite(logarithm) else np.nan
