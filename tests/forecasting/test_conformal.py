"""Intervals by split conformal prediction."""

import math

import numpy as np
import pytest
from made_up_folds import fold_of, walk

from forecasting.conformal import LEVELS, backtest_parts, half_width, intervals


def test_the_half_width_is_the_error_of_the_right_rank() -> None:
    errors = np.array([3.0, -1.0, 2.0, -4.0, 5.0, 6.0, -7.0, 8.0, 9.0])
    assert half_width(errors, 0.8) == 8  # ceil(10 * 0.8) = 8th smallest
    assert half_width(errors, 0.9) == 9
    assert math.isnan(half_width(errors, 0.95))


@pytest.mark.parametrize("protocol", ["paper", "walk_forward"])
@pytest.mark.parametrize("horizon", [1, 4])
def test_errors_are_known_before_the_coverage_is_measured(protocol: str, horizon: int) -> None:
    fold = fold_of(walk(np.random.default_rng(0).normal(size=300) / 50), protocol, horizon=horizon)
    calibrating, measuring = backtest_parts(fold)
    assert fold.samples.targets[calibrating].max() <= fold.samples.origins[measuring].min()
    assert not set(calibrating) & set(fold.split.train)


def test_the_coverage_of_exchangeable_errors_is_the_level() -> None:
    fold = fold_of(walk(np.random.default_rng(1).normal(size=4000) / 50))
    table = intervals(fold, {"persistence": fold.persistence, "too low": fold.persistence - 9}).set_index(
        ["forecast", "level"]
    )
    for level in LEVELS:
        assert table.loc[("persistence", level), "coverage"] == pytest.approx(level, abs=0.03)
        assert table.loc[("too low", level), "width"] > 2 * table.loc[("persistence", level), "width"]
    assert table["periods"].unique().tolist() == [len(fold.split.test)]
