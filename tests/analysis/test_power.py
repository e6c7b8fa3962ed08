"""How many pairs of runs would tell."""

import math

import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower
from study_runs import results

from analysis.statistics.detectable import detectable
from analysis.statistics.improvements import improvements
from analysis.statistics.power import Effect, least_detectable, runs_needed


def effect(ratio: float = 0.0, data_sets: int = 1) -> Effect:
    """An effect on data sets with a standard deviation of 1 over pairs."""
    return Effect(0, -1, 1, [1.0] * data_sets, [ratio] * data_sets)


@pytest.mark.parametrize("distance", [0.3, 0.7, 1.5])
def test_independent_pairs_need_as_many_runs_as_statsmodels_says(distance: float) -> None:
    n = TTestPower().solve_power(effect_size=distance, alpha=0.05, power=0.8, alternative="two-sided")
    assert runs_needed(effect(), distance) == math.ceil(n)
    assert runs_needed(effect(), -distance) == math.ceil(n)


def test_no_number_of_runs_decides_below_the_floor_of_the_standard_error() -> None:
    floor = math.sqrt(1 / 8)
    far = (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) * floor
    assert runs_needed(effect(ratio=1 / 8), 0.99 * far) is None
    needed = runs_needed(effect(ratio=1 / 8), 1.1 * far)
    assert needed is not None
    assert 10 < needed < 100


def test_more_data_sets_need_fewer_runs_each() -> None:
    needed = runs_needed(effect(ratio=1 / 8, data_sets=6), 0.5)
    assert needed is not None
    assert needed < 50
    assert runs_needed(effect(ratio=1 / 8), 0.5) is None


@pytest.mark.parametrize("n", [5, 20, 400, 5000])
def test_the_least_detectable_improvement_needs_just_these_runs(n: int) -> None:
    least = least_detectable(1 / math.sqrt(n), n - 1)
    needed = runs_needed(effect(), 1.0001 * least)
    assert needed is not None
    assert needed <= n
    assert (runs_needed(effect(), 0.97 * least) or math.inf) > n


def test_one_of_many_tests_has_to_be_larger() -> None:
    assert least_detectable(1, 1e6) == pytest.approx(stats.norm.ppf(0.975) + stats.norm.ppf(0.8), rel=1e-3)
    corrected = stats.norm.ppf(1 - 0.025 / 17) + stats.norm.ppf(0.8)
    assert least_detectable(1, 1e6, 17) == pytest.approx(corrected, rel=1e-3)
    assert math.isnan(least_detectable(math.nan, 3))
    least = least_detectable(1 / math.sqrt(20), 19, 17)
    assert (runs_needed(effect(), 1.0001 * least, 17) or math.inf) <= 20
    assert (runs_needed(effect(), 0.97 * least, 17) or math.inf) > 20


def test_what_the_runs_could_have_told() -> None:
    scores = {"baseline": [0.5, 0.52, 0.5, 0.5, 0.51], "C1": [0.5, 0.53, 0.52, 0.5, 0.5], "placebo": [0.4, 0.5, 0.6]}
    runs = results(scores)
    improved = improvements(runs)
    row = detectable(improved).set_index("metric").loc["macro_f1"]
    se = improved.query("cell == 'C1' and metric == 'macro_f1'")["se"].item()
    assert (row["cells"], row["splits"]) == (1, 5)
    assert row["alone"] == row["corrected"] == pytest.approx(least_detectable(se, 4))
    of_four = {cell: values[:4] for cell, values in scores.items()}
    assert detectable(improvements(results(of_four))).empty  # four splits say too little about their spread
