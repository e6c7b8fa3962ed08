"""Improvements averaged over data sets."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from study_runs import FACTS, results

from analysis.statistics.averages import averages, relative_to_mean_baseline
from analysis.statistics.improvements import improvements


def test_average_over_data_sets_by_hand() -> None:
    table = pd.DataFrame(
        {
            "data": ["hate", "mlma", "robo"],
            "model": "bilstm",
            "recipe": "",
            "metric": "macro_f1",
            "cell": "C1",
            "splits": [10, 5, 5],
            "improvement": [1.0, 3.0, 99.0],
            "se": [0.3, 0.4, 9.0],
        }
    )
    ((_, row),) = averages(table, ("robo",)).iterrows()
    assert row["improvement"] == 2
    assert row["data"] == "hate, mlma"
    assert row["se"] == pytest.approx(0.25)  # sqrt(0.09 + 0.16) / 2
    assert row["df"] == pytest.approx(0.25**2 / (0.09**2 / 9 + 0.16**2 / 4))
    assert row["high"] == pytest.approx(2 + 0.25 * stats.t.ppf(0.975, row["df"]))
    alone = table.assign(splits=[1, 5, 5], se=[math.nan, 0.4, 9.0])
    assert averages(alone).loc[0, ["low", "high", "p"]].isna().all()


def test_satterthwaite_agrees_with_welch() -> None:
    """With the improvement of one of two data sets negated, the average is half of Welch's difference."""
    random = np.random.default_rng(1)
    a, b = random.normal(1, 1, 8), random.normal(-1, 2, 15)
    welch = stats.ttest_ind(a, b, equal_var=False)
    table = pd.DataFrame(
        {
            **{key: value for key, value in FACTS.items() if key != "data"},
            "data": ["hate", "mlma"],
            "metric": "macro_f1",
            "cell": "C1",
            "splits": [8, 15],
            "improvement": [a.mean(), -b.mean()],
            "se": [stats.sem(a), stats.sem(b)],
        }
    )
    assert averages(table)["p"].item() == pytest.approx(welch.pvalue)


def test_the_improvement_of_mean_scores_is_not_the_mean_of_improvements() -> None:
    small = results({"baseline": [0.01, 0.01], "C1": [0.02, 0.03]}, data="robo", settings="r")
    large = results({"baseline": [0.8, 0.6], "C1": [0.8, 0.7]})
    improved = improvements(pd.concat([small, large])).query("metric == 'macro_f1'")
    assert averages(improved)["improvement"].item() == pytest.approx((150 + 100 / 14) / 2)
    scaled = averages(relative_to_mean_baseline(improved))
    assert scaled["improvement"].item() == pytest.approx(100 * (0.025 + 0.75) / (0.01 + 0.7) - 100)
    # the standard error of the mean difference, over the mean base
    se = math.sqrt(sum((1 / 2 + 1 / 8) * d.var(ddof=1) for d in (np.array([0.01, 0.02]), np.array([0.0, 0.1])))) / 2
    assert scaled["se"].item() == pytest.approx(100 * se / 0.355)
