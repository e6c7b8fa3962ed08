"""Errors of forecasts, and their comparison with persistence."""

import math
from pathlib import Path

import numpy as np
import pytest
from made_up_folds import configured_fold, fold_of
from scipy import stats

from forecasting.accuracy import compare_with_persistence, diebold_mariano, forecast_errors


def test_errors_by_hand() -> None:
    fold = fold_of(np.array([10.0, 30, 20, 40, 30, 50, 20, 30, 20, 40]), "paper")
    chosen = fold.split.test
    assert fold.truth[chosen].tolist() == [20, 40]
    scale = 50 - 10  # of the training part, 10 to 50
    found = forecast_errors(fold, (np.array([23.0, 36.0]) - 10) / scale, chosen)
    assert found["mae_dollars"] == pytest.approx(3.5)
    assert found["rmse_dollars"] == pytest.approx(math.sqrt((9 + 16) / 2))
    assert found["mape"] == pytest.approx(100 * (3 / 20 + 4 / 40) / 2)
    assert found["mae"] == pytest.approx(3.5 / scale)
    assert found["rmse"] == pytest.approx(math.sqrt((9 + 16) / 2) / scale)


def test_where_persistence_makes_no_error_nothing_is_relative_to_it() -> None:
    still = np.full(12, 400.0)
    for forecasts in (still, still + 1):
        found = compare_with_persistence(still, forecasts, still, 1)
        assert np.isnan(found).all(), found


def test_direction_and_relative_error_by_hand() -> None:
    last = np.zeros(12)
    truth = np.array([1.0] * 6 + [-1.0] * 5 + [0.0])  # the close does not change on the last day
    forecasts = np.array([0.5] * 6 + [-0.5, -0.5, 0.5, 0.5, 0.0, 0.5])  # no direction on the day before
    found = compare_with_persistence(truth, forecasts, last, 1)
    assert found.direction == 8 / 10
    assert found.direction_p == pytest.approx((45 + 10 + 1) / 1024)
    assert found.relative_rmse == pytest.approx(math.sqrt((8 * 0.25 + 2 * 2.25 + 1 + 0.25) / 11))


def test_overlapping_targets_count_once_in_the_binomial_test() -> None:
    truth = np.array([1.0] * 12)
    forecasts = np.array([1.0] * 3 + [-1.0] * 2 + [1.0] * 7)
    found = compare_with_persistence(truth, forecasts, np.zeros(12), 3)
    assert found.direction == 10 / 12
    assert found.direction_p == pytest.approx(5 / 16)  # days 0, 3, 6 and 9, of which 3 are right
    rare = compare_with_persistence(truth * np.array([0.0, 1, 1] * 4), forecasts, np.zeros(12), 3)
    assert rare.direction == 7 / 8
    assert math.isnan(rare.direction_p)


def test_a_slow_forecast_without_skill_is_seldom_significant() -> None:
    rng, horizon, found = np.random.default_rng(0), 15, []
    for _ in range(100):
        walks = rng.standard_normal((2, 400 + horizon)).cumsum(1)
        truth, forecast = walks[:, horizon:] - walks[:, :-horizon]
        found.append(compare_with_persistence(truth, forecast, np.zeros(len(truth)), horizon).direction_p)
    assert np.mean(np.array(found) < 0.05) < 0.1  # 0.36 if every day counted


def test_persistence_takes_no_direction_and_cannot_differ_from_itself() -> None:
    truth = np.array([1.0, -2.0, 3.0])
    found = compare_with_persistence(truth, np.zeros(3), np.zeros(3), 1)
    assert found.relative_rmse == 1
    assert np.isnan([found.dm_p, found.direction, found.direction_p]).all()


def test_one_step_diebold_mariano_with_harveys_correction_is_students_t_test() -> None:
    rng = np.random.default_rng(0)
    mine, other = rng.normal(size=30), 1.3 * rng.normal(size=30)
    expected = stats.ttest_1samp(mine**2 - other**2, 0.0)
    assert diebold_mariano(mine, other, 1) == pytest.approx((expected.statistic, expected.pvalue))


@pytest.mark.parametrize(
    ("horizon", "expected"),
    [(2, (-0.9198662110077998, 0.3773738685759488)), (3, (-0.8195375470622296, 0.4298792516572413))],
)
def test_longer_horizons_agree_with_the_package_dieboldmariano_1_1_0(
    horizon: int, expected: tuple[float, float]
) -> None:
    mine = np.array([1.0, 2, 3, 2, 1, 0, -1, -2, -1, 0, 1, 3])
    other = np.array([2.0, 3, 3, 3, 2, 1, 0, -1, -2, -1, 1, 2])
    assert diebold_mariano(mine, other, horizon) == pytest.approx(expected)


def test_a_negative_variance_is_replaced_by_that_of_single_days() -> None:
    mine = np.array([1.0, 2.0, -1.0, 0.5, 3.0, -2.0, 1.5, 0.0, 2.5, -1.0])
    other = np.array([2.0, 1.0, -3.0, 1.5, 2.0, -2.5, 3.0, 1.0, 2.0, -2.0])
    n, h = 10, 3
    d = mine**2 - other**2
    plain = d.mean() / math.sqrt(d.var() / n)
    expected = plain * math.sqrt((n + 1 - 2 * h + h * (h - 1) / n) / n)
    assert diebold_mariano(mine, other, h)[0] == pytest.approx(expected)


def test_persistence_on_the_papers_days(shared_data: Path) -> None:
    fold = configured_fold("features=btc", f"data_dir={shared_data}")
    test = fold.split.test
    assert len(test) == 260
    found = forecast_errors(fold, fold.persistence[test], test)
    assert round(found["rmse"], 4) == 0.0209
    assert round(found["mae"], 4) == 0.0125
    assert round(found["rmse_dollars"], 1) == 395.8
    assert round(found["mae_dollars"], 1) == 235.9
