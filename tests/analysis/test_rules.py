"""When a claim counts as reproduced."""

import math

import pytest

from analysis.claims.rules import (
    IN_SIGN,
    NOT_DECIDABLE,
    NOT_REPRODUCED,
    REPRODUCED,
    verdict_on_bound,
    verdict_on_number,
)
from analysis.statistics.power import Effect


def effect(low: float, high: float) -> Effect:
    return Effect((low + high) / 2, low, high, [1.0], [0.0])


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
    [
        (2, 9, REPRODUCED),
        (2, 11, NOT_DECIDABLE),
        (10, 15, NOT_REPRODUCED),
        (11, 15, NOT_REPRODUCED),
        (math.nan, math.nan, NOT_DECIDABLE),
    ],
)
def test_verdict_on_a_bound(low: float, high: float, verdict: str) -> None:
    assert verdict_on_bound(effect(low, high), 10) == verdict
