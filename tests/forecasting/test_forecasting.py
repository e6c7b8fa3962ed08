"""Errors, baselines and tests against "tomorrow = today"."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.tsa.ar_model import AutoReg

from conf.compose import composed
from datamodules.market.market_datamodule import MarketDataModule
from datamodules.market.panel import Panel
from datamodules.market.protocols import Fold, make_fold
from forecasting.accuracy import compare, diebold_mariano, errors
from forecasting.baselines import BASELINES, autoregression, drift, persistence, ridge


def fold_of(close: np.ndarray, protocol: str = "walk_forward", window: int = 2, horizon: int = 1) -> Fold:
    days = pd.date_range("2020-01-01", periods=len(close))
    features = pd.DataFrame({"return": np.diff(np.log(close), prepend=np.log(close[0]))}, days)
    return make_fold(Panel(features, pd.Series(close, days)), protocol, window, horizon, 3, 0)


def walk(returns: np.ndarray) -> np.ndarray:
    return 100 * np.exp(np.concatenate([[0.0], np.cumsum(returns)]))


def synthetic(*overrides: str) -> Fold:
    return MarketDataModule.from_config(composed("features=btc_sent", "source=synthetic", *overrides)).fold


@pytest.mark.parametrize("protocol", ["paper", "walk_forward"])
def test_persistence_is_the_forecast_that_the_fold_calls_so(protocol: str) -> None:
    fold = fold_of(walk(np.random.default_rng(0).normal(size=60) / 20), protocol)
    assert fold.scaled(persistence(fold)) == pytest.approx(fold.persistence)


def test_errors_by_hand() -> None:
    fold = fold_of(np.array([10.0, 30, 20, 40, 30, 50, 20, 30, 20, 40]), "paper")
    chosen = fold.split.test
    assert fold.close[chosen].tolist() == [20, 40]
    scale = 50 - 10  # of the training part, 10 to 50
    found = errors(fold, (np.array([23.0, 36.0]) - 10) / scale, chosen)
    assert found["mae_dollars"] == pytest.approx(3.5)
    assert found["rmse_dollars"] == pytest.approx(math.sqrt((9 + 16) / 2))
    assert found["mape"] == pytest.approx(100 * (3 / 20 + 4 / 40) / 2)
    assert found["mae"] == pytest.approx(3.5 / scale)
    assert found["rmse"] == pytest.approx(math.sqrt((9 + 16) / 2) / scale)


def test_direction_and_relative_error_by_hand() -> None:
    last = np.zeros(12)
    truth = np.array([1.0] * 6 + [-1.0] * 5 + [0.0])  # the last day says nothing
    forecasts = np.array([0.5] * 6 + [-0.5, -0.5, 0.5, 0.5, 0.0, 0.5])  # nor does the one before
    found = compare(truth, forecasts, last, 1)
    assert found.direction == 8 / 10
    assert found.direction_p == pytest.approx((45 + 10 + 1) / 1024)
    assert found.relative_rmse == pytest.approx(math.sqrt((8 * 0.25 + 2 * 2.25 + 1 + 0.25) / 11))


def test_overlapping_targets_are_no_tosses_of_their_own() -> None:
    truth = np.array([1.0] * 12)
    forecasts = np.array([1.0] * 3 + [-1.0] * 2 + [1.0] * 7)
    found = compare(truth, forecasts, np.zeros(12), 3)
    assert found.direction == 10 / 12
    assert found.direction_p == pytest.approx(5 / 16)  # days 0, 3, 6 and 9, of which 3 are right
    rare = compare(truth * np.array([0.0, 1, 1] * 4), forecasts, np.zeros(12), 3)
    assert rare.direction == 7 / 8
    assert math.isnan(rare.direction_p)


def test_a_slow_forecast_that_knows_nothing_is_seldom_significant() -> None:
    rng, horizon, found = np.random.default_rng(0), 15, []
    for _ in range(100):
        walks = rng.standard_normal((2, 400 + horizon)).cumsum(1)
        truth, forecast = walks[:, horizon:] - walks[:, :-horizon]
        found.append(compare(truth, forecast, np.zeros(len(truth)), horizon).direction_p)
    assert np.mean(np.array(found) < 0.05) < 0.1  # 0.36 if every day counted


def test_persistence_takes_no_direction_and_cannot_differ_from_itself() -> None:
    truth = np.array([1.0, -2.0, 3.0])
    found = compare(truth, np.zeros(3), np.zeros(3), 1)
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
def test_farther_horizons_as_the_package_dieboldmariano_1_1_0_has_them(
    horizon: int, expected: tuple[float, float]
) -> None:
    mine = np.array([1.0, 2, 3, 2, 1, 0, -1, -2, -1, 0, 1, 3])
    other = np.array([2.0, 3, 3, 3, 2, 1, 0, -1, -2, -1, 1, 2])
    assert diebold_mariano(mine, other, horizon) == pytest.approx(expected)


def test_a_negative_variance_falls_back_on_that_of_single_days() -> None:
    mine = np.array([1.0, 2.0, -1.0, 0.5, 3.0, -2.0, 1.5, 0.0, 2.5, -1.0])
    other = np.array([2.0, 1.0, -3.0, 1.5, 2.0, -2.5, 3.0, 1.0, 2.0, -2.0])
    n, h = 10, 3
    d = mine**2 - other**2
    plain = d.mean() / math.sqrt(d.var() / n)
    expected = plain * math.sqrt((n + 1 - 2 * h + h * (h - 1) / n) / n)
    assert diebold_mariano(mine, other, h)[0] == pytest.approx(expected)


def test_drift_is_the_mean_growth_of_the_training_part() -> None:
    returns = np.random.default_rng(1).normal(size=80) / 20
    fold = fold_of(walk(returns), horizon=3)
    known = fold.samples.targets[fold.split.train[-1]] + 1  # rows of the panel, which starts a day later
    growth = returns[1:known].mean()
    assert drift(fold) == pytest.approx(fold.last_close * np.exp(3 * growth))


@pytest.mark.parametrize("horizon", [1, 4])
def test_the_autoregression_is_statsmodels_own(horizon: int) -> None:
    rng = np.random.default_rng(2)
    returns = np.zeros(1500)
    for t in range(2, len(returns)):
        returns[t] = 0.001 + 0.5 * returns[t - 1] - 0.3 * returns[t - 2] + 0.01 * rng.normal()
    fold = fold_of(walk(returns), horizon=horizon)
    known = fold.samples.targets[fold.split.train[-1]] + 1
    origin = fold.samples.origins[fold.split.test[-1]]
    params = AutoReg(returns[1:known], 2).fit().params
    model = AutoReg(returns[1 : origin + 1], 2)
    ahead = model.predict(params, start=origin, end=origin + horizon - 1, dynamic=0)
    expected = fold.last_close[fold.split.test[-1]] * np.exp(ahead.sum())
    assert autoregression(fold)[fold.split.test[-1]] == pytest.approx(expected)
    if horizon == 1:
        test = fold.split.test
        found = compare(fold.targets[test], fold.scaled(autoregression(fold))[test], fold.persistence[test], 1)
        assert found.relative_rmse < 0.95
        assert found.dm_p < 0.01


def test_an_autoregression_of_noise_has_no_memory() -> None:
    fold = fold_of(walk(np.random.default_rng(3).normal(size=400) / 20))
    assert autoregression(fold) == pytest.approx(drift(fold))


def test_ridge_finds_a_linear_rule() -> None:
    rng = np.random.default_rng(4)
    returns = np.zeros(600)
    for t in range(1, len(returns)):
        returns[t] = 0.8 * returns[t - 1] + 0.01 * rng.normal()
    fold = fold_of(walk(returns))
    test = fold.split.test
    found = compare(fold.targets[test], fold.scaled(ridge(fold))[test], fold.persistence[test], 1)
    assert found.relative_rmse == pytest.approx(math.sqrt(1 - 0.8**2), abs=0.1)


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize(
    ("protocol", "window", "horizon"), [("paper", 2, h) for h in (10, 25, 40, 63)] + [("walk_forward", 2, 20)]
)
def test_baselines_of_long_horizons(name: str, protocol: str, window: int, horizon: int) -> None:
    close = walk(np.random.default_rng(6).normal(size=159) / 20)
    fold = fold_of(close, protocol, window, horizon)
    forecasts = BASELINES[name](fold)
    assert forecasts.shape == fold.close.shape
    assert (forecasts > 0).all() or name == "ridge"


def test_a_baseline_of_a_single_training_window() -> None:
    fold = fold_of(walk(np.random.default_rng(7).normal(size=99) / 20), "paper", 79, 1)
    assert len(fold.split.train) == 1
    for forecast in BASELINES.values():
        assert np.isfinite(forecast(fold)).all()


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("protocol", ["paper", "walk_forward"])
def test_no_baseline_sees_the_future(name: str, protocol: str) -> None:
    close = walk(np.random.default_rng(5).normal(size=200) / 20)
    fold = fold_of(close, protocol)
    today = fold.split.test[0]
    row = fold.samples.origins[today] + (1 if protocol == "walk_forward" else 0)  # changes() drops a row
    other = close.copy()
    other[row + 1 :] *= np.linspace(2, 3, len(close) - row - 1)
    forecast = BASELINES[name]
    assert forecast(fold_of(other, protocol))[: today + 1] == pytest.approx(forecast(fold)[: today + 1])


def test_a_leak_lights_up_and_a_shuffled_sentiment_does_not() -> None:
    found = {}
    for control in ("null", "shuffled", "leak"):
        fold = synthetic("protocol=walk_forward", "n_folds=3", "fold=2", f"control={control}")
        test = fold.split.test
        found[control] = compare(fold.targets[test], fold.scaled(ridge(fold))[test], fold.persistence[test], 1)
    assert found["leak"].relative_rmse < 0.85
    assert found["leak"].direction > 0.95
    assert found["leak"].dm_p < 1e-3
    for control in ("null", "shuffled"):
        assert found[control].relative_rmse == pytest.approx(1, abs=0.03)
        assert found[control].direction_p > 0.01


def test_persistence_on_the_papers_days(shared_data: Path) -> None:
    data = MarketDataModule.from_config(composed("features=btc", f"data_dir={shared_data}"))
    test = data.fold.split.test
    assert len(test) == 260
    found = errors(data.fold, data.fold.persistence[test], test)
    assert round(found["rmse"], 4) == 0.0209
    assert round(found["mae"], 4) == 0.0125
    assert round(found["rmse_dollars"], 1) == 395.8
    assert round(found["mae_dollars"], 1) == 235.9
