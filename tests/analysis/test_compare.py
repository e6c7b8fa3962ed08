"""The statistics of comparisons, against worked examples from the literature and against other libraries."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from study_runs import FACTS, results

from analysis.compare import averages, corrected_t_test, holm, improvements, mean_cell, models, of_mean_scores


def one(table: pd.DataFrame, metric: str = "macro_f1", cell: str = "C1") -> pd.Series:
    ((_, row),) = table[(table["metric"] == metric) & (table["cell"] == cell)].iterrows()
    return row


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


# Relative improvements


def test_improvement_is_that_of_the_mean_scores() -> None:
    row = one(improvements(results({"baseline": [0.2, 0.4, 0.6], "C1": [0.3, 0.4, 0.5]})))
    assert row["improvement"] == pytest.approx(0)
    row = one(improvements(results({"baseline": [0.2, 0.4, 0.6], "C1": [0.3, 0.5, 0.52]})))
    assert row["improvement"] == pytest.approx(100 * (1.32 / 1.2 - 1))
    assert [row["n"], row["wins"], row["ties"], row["losses"]] == [3, 2, 0, 1]
    differences = 100 * np.array([0.1, 0.1, -0.08]) / 0.4
    assert row["sd"] == pytest.approx(differences.std(ddof=1))
    assert row["ratio"] == 1 / 8
    assert row["baseline"] == pytest.approx(0.4)


def test_only_pairs_count() -> None:
    table = results({"baseline": [0.2, 0.4], "C1": [0.3, 0.5, 0.9]})
    row = one(improvements(table))
    assert row["n"] == 2
    assert row["improvement"] == pytest.approx(100 * (0.8 / 0.6 - 1))


def test_f1_is_the_mean_of_three_relative_improvements() -> None:
    table = results({"baseline": [0.2, 0.4], "C1": [0.3, 0.5]})
    table.loc[table["cell"] == "C1", "micro_f1"] = [0.1, 0.2]  # as the baseline's
    table = improvements(table)
    each = [one(table, metric)["improvement"] for metric in ("macro_f1", "micro_f1", "weighted_f1")]
    assert each[1] == pytest.approx(0)
    assert one(table, "f1")["improvement"] == pytest.approx(sum(each) / 3)


def test_a_baseline_of_zero_is_never_an_infinite_improvement() -> None:
    row = one(improvements(results({"baseline": [0.0, 0.4], "C1": [0.1, 0.4]})))
    assert row["improvement"] == pytest.approx(25)
    row = one(improvements(results({"baseline": [0.0, 0.0], "C1": [0.1, 0.4]})))
    assert math.isnan(row["improvement"])
    assert math.isnan(row["p"])


def test_one_pair_has_no_interval() -> None:
    row = one(improvements(results({"baseline": [0.4], "C1": [0.5]})))
    assert row["improvement"] == pytest.approx(25)
    assert row[["sd", "se", "low", "high", "p", "p_holm"]].isna().all()


def test_cells_that_agree_to_the_last_digit_are_no_better() -> None:
    row = one(improvements(results({"baseline": [0.4, 0.5], "C1": [0.4, 0.5]})))
    assert row["p"] == 1
    assert [row["low"], row["high"], row["ties"]] == [0, 0, 2]


def test_other_settings_are_never_paired() -> None:
    apart = [results({"baseline": [0.2, 0.3]}), results({"C1": [0.3, 0.4]}, settings="b2")]
    assert improvements(pd.concat(apart)).empty


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


# Over data sets


def test_average_over_data_sets_by_hand() -> None:
    table = pd.DataFrame(
        {
            "data": ["hate", "mlma", "robo"],
            "model": "bilstm",
            "recipe": "",
            "metric": "macro_f1",
            "cell": "C1",
            "n": [10, 5, 5],
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
    alone = table.assign(n=[1, 5, 5], se=[math.nan, 0.4, 9.0])
    assert averages(alone).loc[0, ["low", "high", "p"]].isna().all()


def test_satterthwaite_agrees_with_welch() -> None:
    """Of two data sets with independent pairs the average is half of Welch's difference, one of them negated."""
    random = np.random.default_rng(1)
    a, b = random.normal(1, 1, 8), random.normal(-1, 2, 15)
    welch = stats.ttest_ind(a, b, equal_var=False)
    table = pd.DataFrame(
        {
            **{key: value for key, value in FACTS.items() if key != "data"},
            "data": ["hate", "mlma"],
            "metric": "macro_f1",
            "cell": "C1",
            "n": [8, 15],
            "improvement": [a.mean(), -b.mean()],
            "se": [stats.sem(a), stats.sem(b)],
        }
    )
    assert averages(table)["p"].item() == pytest.approx(welch.pvalue)


# Models, and means of cells


def test_each_recipe_of_another_model_is_compared_by_itself() -> None:
    ours = results({"C1": [0.4, 0.5]})
    theirs = [
        results({"baseline": [0.5 + gain, 0.6 + gain]}, model="bert", recipe=recipe, settings=recipe)
        for recipe, gain in (("epochs=1", 0.0), ("epochs=4", 0.1))
    ]
    found = models(pd.concat([ours, *theirs]), "").query("metric == 'macro_f1'").set_index("of")
    assert found["cell"].tolist() == ["bert", "bert"]
    assert found["improvement"].to_dict() == pytest.approx({"epochs=1": 100 * 0.2 / 0.9, "epochs=4": 100 * 0.4 / 0.9})
    assert models(ours, "").empty


def test_the_improvement_of_mean_scores_is_not_the_mean_of_improvements() -> None:
    small = results({"baseline": [0.01, 0.01], "C1": [0.02, 0.03]}, data="robo", settings="r")
    large = results({"baseline": [0.8, 0.6], "C1": [0.8, 0.7]})
    improved = improvements(pd.concat([small, large])).query("metric == 'macro_f1'")
    assert averages(improved)["improvement"].item() == pytest.approx((150 + 100 / 14) / 2)
    scaled = averages(of_mean_scores(improved))
    assert scaled["improvement"].item() == pytest.approx(100 * (0.025 + 0.75) / (0.01 + 0.7) - 100)
    # the standard error of the mean difference, over the mean base
    se = math.sqrt(sum((1 / 2 + 1 / 8) * d.var(ddof=1) for d in (np.array([0.01, 0.02]), np.array([0.0, 0.1])))) / 2
    assert scaled["se"].item() == pytest.approx(100 * se / 0.355)


def test_a_mean_of_cells_is_of_runs_that_have_them_all() -> None:
    table = results({"baseline": [0.4, 0.4, 0.4], "C1": [0.5, 0.5, 0.5], "C2": [0.7, 0.9]})
    row = one(improvements(mean_cell(table, ["C1", "C2"], "both")), cell="both")
    assert row["n"] == 2
    assert row["improvement"] == pytest.approx(100 * (0.6 + 0.7 - 0.8) / 0.8)
