"""How many pairs of runs would tell."""

import math

import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from analysis.statistics.power import Effect, runs_needed


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
