"""Improvements averaged over data sets."""

import numpy as np
import pandas as pd

from analysis.statistics.significance import holm_over_alterations, t_test


def averages(improved: pd.DataFrame, leave_out: tuple[str, ...] = ()) -> pd.DataFrame:
    """Improvements averaged over data sets, each with the same weight.

    The variance is that of a mean of independent means, and the degrees of freedom are Welch's and Satterthwaite's:

        se^2 = sum se_k^2 / K^2,  df = (sum se_k^2)^2 / sum(se_k^4 / (n_k - 1)),  n_k splits

    Args:
        improved: from `improvements.improvements`.
        leave_out: data sets that do not count, such as ("robo",).

    Returns:
        A row for each model, recipe, metric and cell: sets (how many), data (their names, "hate, mlma"), improvement,
        se, df, low, high, p; the last five are NaN if a data set has one split only. p_holm is as in
        `improvements.improvements`.
    """
    used = improved[~improved["data"].isin(leave_out)].dropna(subset="improvement")
    variance = used["se"] ** 2
    used = used.assign(variance=variance, share=variance**2 / (used["splits"] - 1).replace(0, np.nan))
    groups = used.groupby(["model", "recipe", "metric", "cell"], sort=False)
    summed = groups[["variance", "share"]].agg(_sum)
    table = groups.agg(sets=("data", "size"), data=("data", ", ".join), improvement=("improvement", "mean"))
    table["df"] = summed["variance"] ** 2 / summed["share"].replace(0, np.nan)
    se = np.sqrt(summed["variance"]) / table["sets"]
    # where all se are 0 any degrees of freedom give the same interval, of no length
    tested = t_test(table["improvement"].to_numpy(), se.to_numpy(), table["df"].fillna(np.inf).to_numpy())
    table = table.assign(**tested._asdict()).reset_index()
    return table.assign(p_holm=holm_over_alterations(table, ["model", "recipe", "metric"]))


def _sum(column: pd.Series) -> float:
    return float(column.sum(skipna=False))


def relative_to_mean_baseline(improved: pd.DataFrame) -> pd.DataFrame:
    """Improvements scaled so that `averages` gives the improvement of the mean score, not the mean of percentages:

        100 (mean score - mean base) / mean base = mean of improvement_k * base_k / mean base

    A data set with large scores or long training then counts for more.

    Args:
        improved: from `improvements.improvements` or `model_improvements`, one metric.
    """
    weight = improved["baseline"] / improved.groupby(["model", "recipe", "cell"])["baseline"].transform("mean")
    scaled = ["improvement", "sd", "se", "low", "high"]
    return improved.assign(**improved[scaled].mul(weight, axis=0))
