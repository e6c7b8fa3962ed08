"""Tests of mean differences, against worked examples from the literature and against other libraries."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from analysis.statistics.significance import corrected_t_test, holm

# Nadeau and Bengio


def test_corrected_t_test_on_scikit_learns_published_example() -> None:
    """scikit-learn's gallery, "Statistical comparison of models using grid search": t = 0.750, one-sided p = 0.227."""
    from sklearn.datasets import make_moons
    from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score
    from sklearn.svm import SVC

    x, y = make_moons(noise=0.352, random_state=1, n_samples=100)
    folds = RepeatedStratifiedKFold(n_splits=10, n_repeats=10, random_state=0)
    rbf, linear = (
        cross_val_score(SVC(kernel=kernel, random_state=0), x, y, cv=folds, scoring="roc_auc")
        for kernel in ("rbf", "linear")
    )
    difference = rbf - linear
    tested = corrected_t_test(difference.mean(), difference.std(ddof=1), 100, 10 / 90)
    assert difference.mean() / tested.se == pytest.approx(0.750, abs=0.0005)
    assert tested.p / 2 == pytest.approx(0.227, abs=0.0005)


def test_corrected_t_test_by_hand() -> None:
    # differences 1, 2, 3, 6: mean 3, variance (4 + 1 + 0 + 9) / 3 = 14 / 3; test parts an eighth of the training parts
    variance = (1 / 4 + 1 / 8) * 14 / 3
    tested = corrected_t_test(3.0, math.sqrt(14 / 3), 4, 1 / 8)
    assert tested.se == pytest.approx(math.sqrt(variance))
    reach = 3.182446 * math.sqrt(variance)  # Student's t, 3 degrees of freedom, 97.5 %
    assert [tested.low, tested.high] == pytest.approx([3 - reach, 3 + reach], rel=1e-6)


def test_without_a_common_training_part_it_is_students_t_test() -> None:
    differences = np.random.default_rng(0).normal(0.5, 1, 12)
    tested = corrected_t_test(differences.mean(), differences.std(ddof=1), 12, 0)
    student = stats.ttest_1samp(differences, 0)
    assert tested.p == pytest.approx(student.pvalue)
    assert [tested.low, tested.high] == pytest.approx(list(student.confidence_interval()))


def test_the_error_does_not_fall_below_its_floor() -> None:
    many = corrected_t_test(1.0, 2.0, 10**9, 1 / 8)
    assert many.se == pytest.approx(2 * math.sqrt(1 / 8))


# Holm


def test_holm_on_demsars_example() -> None:
    """Demsar (2006), section 3.2.2: p = 0.016, 0.019 and 0.607 of three classifiers beside C4.5; two are rejected."""
    table = pd.DataFrame({"family": "a", "p": [0.607, 0.016, 0.019]})
    adjusted = holm(table, ["family"])
    assert adjusted.tolist() == pytest.approx([0.607, 0.048, 0.048])
    assert (adjusted < 0.05).tolist() == [False, True, True]


def test_holm_is_statsmodels_in_each_family_and_skips_what_is_unknown() -> None:
    random = np.random.default_rng(3)
    table = pd.DataFrame({"family": np.repeat(["a", "b", "c"], 17), "p": random.random(51) ** 4})
    table.loc[[4, 20, 21], "p"] = np.nan
    adjusted = holm(table, ["family"])
    for _, rows in table.groupby("family"):
        known = rows["p"].dropna()
        assert adjusted[known.index].to_numpy() == pytest.approx(multipletests(known, method="holm")[1])
    assert adjusted.isna().tolist() == table["p"].isna().tolist()
