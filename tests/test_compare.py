"""The statistics of comparisons, against worked examples from the literature and against other libraries."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

from analysis.compare import averages, corrected_t_test, holm, improvements
from analysis.ranks import critical_difference, friedman, ranks
from analysis.verdict import (
    NOT_DECIDABLE,
    NOT_REPRODUCED,
    REPRODUCED,
    Effect,
    below,
    reaches,
    runs_needed,
)

FACTS = {"data": "hate", "model": "bilstm", "settings": "a1", "recipe": "", "n_folds": 10, "split_seed": 0}


def results(scores: dict[str, list[float]], **facts: object) -> pd.DataFrame:
    """Runs of seeds 0, 1, ... on fold 0: macro_f1 by cell; the other scores are half of it."""
    rows = [
        {**FACTS, **facts, "cell": cell, "seed": seed, "fold": 0, "macro_f1": score, "seconds": 10 + seed}
        for cell, values in scores.items()
        for seed, score in enumerate(values)
    ]
    table = pd.DataFrame(rows)
    return table.assign(**dict.fromkeys(("accuracy", "micro_f1", "weighted_f1"), table["macro_f1"] / 2))


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


DEMSAR = """
0.763 0.768 0.771 0.798
0.599 0.591 0.590 0.569
0.954 0.971 0.968 0.967
0.628 0.661 0.654 0.657
0.882 0.888 0.886 0.898
0.936 0.931 0.916 0.931
0.661 0.668 0.609 0.685
0.583 0.583 0.563 0.625
0.775 0.838 0.866 0.875
1.000 1.000 1.000 1.000
0.940 0.962 0.965 0.962
0.619 0.666 0.614 0.669
0.972 0.981 0.9751 0.975
0.957 0.978 0.946 0.970
"""
"""Demsar (2006), Table 6: AUC of C4.5 with none, m, cf and both on 14 data sets. In the 13th he ranks a 0.975 first."""


def demsar() -> pd.DataFrame:
    rows = [[float(score) for score in line.split()] for line in DEMSAR.strip().splitlines()]
    return pd.DataFrame(rows, columns=["C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf"])


def test_friedman_and_nemenyi_on_demsars_example() -> None:
    found = friedman(demsar())
    assert found.average.round(3).to_dict() == {"C4.5+m+cf": 1.964, "C4.5+m": 2.0, "C4.5+cf": 2.893, "C4.5": 3.143}
    # Demsar's 9.28 is without the correction for ties: his 7 ties of two or four share ranks
    assert 12 * 14 / (4 * 5) * ((found.average**2).sum() - 4 * 5**2 / 4) == pytest.approx(9.28, abs=0.005)
    ties = 3 * (2**3 - 2) + (4**3 - 4)  # iris, lung cancer, primary tumor; mushroom
    assert found.statistic == pytest.approx(9.2786 / (1 - ties / (14 * (4**3 - 4))), abs=0.001)
    assert found.p == pytest.approx(stats.chi2.sf(found.statistic, 3))
    # "the critical value is 2.569 and the critical difference 1.25": no two of them are told apart by Nemenyi's test
    assert found.critical_difference == pytest.approx(1.25, abs=0.005)
    assert found.alike == [["C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5"]]
    assert found.pairwise.to_numpy().min() > 0.05


@pytest.mark.parametrize(("treatments", "q"), [(2, 1.960), (3, 2.343), (5, 2.728), (10, 3.164)])
def test_critical_values_are_those_of_demsars_table_5(treatments: int, q: float) -> None:
    expected = q * math.sqrt(treatments * (treatments + 1) / (6 * 7))
    assert critical_difference(treatments, 7) == pytest.approx(expected, rel=5e-4)


def test_bars_join_what_is_not_told_apart() -> None:
    steps = pd.DataFrame([[5.0, 4, 3, 2, 1]] * 6, columns=list("abcde"))  # difference 2.49: three neighbours
    found = friedman(steps)
    assert found.alike == [["a", "b", "c"], ["b", "c", "d"], ["c", "d", "e"]]
    for left, right in itertools.combinations("abcde", 2):
        together = any({left, right} <= set(bar) for bar in found.alike)
        assert together == (found.pairwise.loc[left, right] > 0.05)


def test_equal_scores_rank_alike() -> None:
    found = friedman(pd.DataFrame([[1.0, 1, 1], [2, 2, 2]], columns=list("abc")))
    assert (found.p, found.statistic) == (1, 0)
    assert set(found.average) == {2}


def test_ranks_are_over_the_data_sets_that_have_all_cells() -> None:
    scores = {"baseline": [0.1, 0.3], "C1": [0.5, 0.6], "C2": [0.3, 0.5]}
    runs = [results(scores, data=data, settings=data) for data in ("hate", "mlma")]
    runs.append(results({"baseline": [0.9], "C1": [0.1]}, data="ag", settings="ag"))
    found = ranks(pd.concat(runs))["bilstm", ""]
    assert found.data == ["hate", "mlma"]
    assert found.average.to_dict() == {"C1": 1, "C2": 2, "baseline": 3}
    assert ranks(runs[0]) == {}


# Verdicts


def effect(low: float, high: float, sd: float = 1.0, ratio: float = 0.0) -> Effect:
    return Effect((low + high) / 2, low, high, [sd], [ratio])


@pytest.mark.parametrize(
    ("low", "high", "claimed", "verdict"),
    [
        (0.2, 0.9, 0.6, REPRODUCED),
        (0.7, 0.9, 0.6, REPRODUCED),  # more than was claimed
        (-0.2, 0.9, 0.6, NOT_DECIDABLE),
        (0.1, 0.5, 0.6, NOT_REPRODUCED),  # an improvement, but a smaller one
        (-0.3, 0.5, 0.6, NOT_REPRODUCED),
        (-0.9, -0.2, -0.6, REPRODUCED),
        (-0.9, 0.2, -0.6, NOT_DECIDABLE),
        (-0.5, 0.2, -0.6, NOT_REPRODUCED),
        (math.nan, math.nan, 0.6, NOT_DECIDABLE),
    ],
)
def test_verdict_on_a_number(low: float, high: float, claimed: float, verdict: str) -> None:
    assert reaches(effect(low, high), claimed) == verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(2, 9, REPRODUCED), (2, 11, NOT_DECIDABLE), (11, 15, NOT_REPRODUCED), (math.nan, math.nan, NOT_DECIDABLE)],
)
def test_verdict_on_a_bound(low: float, high: float, verdict: str) -> None:
    assert below(effect(low, high), 10) == verdict


@pytest.mark.parametrize("distance", [0.3, 0.7, 1.5])
def test_runs_needed_of_independent_pairs_are_statsmodels(distance: float) -> None:
    n = TTestPower().solve_power(effect_size=distance, alpha=0.05, power=0.8, alternative="two-sided")
    assert runs_needed(effect(-1, 1), distance) == math.ceil(n)
    assert runs_needed(effect(-1, 1), -distance) == math.ceil(n)


def test_below_the_floor_no_number_of_runs_decides() -> None:
    floor = math.sqrt(1 / 8)
    far = (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) * floor
    assert runs_needed(effect(-1, 1, ratio=1 / 8), 0.99 * far) is None
    needed = runs_needed(effect(-1, 1, ratio=1 / 8), 1.1 * far)
    assert needed is not None
    assert 10 < needed < 100


def test_more_data_sets_need_fewer_runs_each() -> None:
    six = Effect(0, -1, 1, [1.0] * 6, [1 / 8] * 6)
    needed = runs_needed(six, 0.5)
    assert needed is not None
    assert needed < 50
    assert runs_needed(effect(-1, 1, ratio=1 / 8), 0.5) is None
