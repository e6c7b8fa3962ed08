"""When a claim counts as reproduced, and how many runs would tell."""

import math

import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from analysis.verdict import (
    IN_SIGN,
    NOT_DECIDABLE,
    NOT_REPRODUCED,
    REPRODUCED,
    Effect,
    runs_needed,
    verdict_on_bound,
    verdict_on_number,
)


def effect(low: float, high: float, sd: float = 1.0, ratio: float = 0.0) -> Effect:
    return Effect((low + high) / 2, low, high, [sd], [ratio])


@pytest.mark.parametrize(
    ("low", "high", "claimed", "verdict"),
    [
        (0.2, 0.9, 0.6, REPRODUCED),
        (0.7, 0.9, 0.6, IN_SIGN),  # more than was claimed
        (0.6, 0.9, 0.6, REPRODUCED),
        (-97, -17, -0.099, IN_SIGN),
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
    assert verdict_on_number(effect(low, high), claimed) == verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(2, 9, REPRODUCED), (2, 11, NOT_DECIDABLE), (11, 15, NOT_REPRODUCED), (math.nan, math.nan, NOT_DECIDABLE)],
)
def test_verdict_on_a_bound(low: float, high: float, verdict: str) -> None:
    assert verdict_on_bound(effect(low, high), 10) == verdict


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
