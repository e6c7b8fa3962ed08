"""Baselines: each equals its definition, sees no future, and works for long horizons and few days."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from made_up_folds import configured_fold, fold_of, walk
from statsmodels.tsa.ar_model import AutoReg

from datamodules.market.fold import Fold
from forecasting.accuracy import Comparison, compare_with_persistence
from forecasting.baselines import BASELINES, autoregression, drift, persistence, ridge


def compared(fold: Fold, baseline: Callable[[Fold], np.ndarray]) -> Comparison:
    """The baseline's forecasts of the test part, compared with persistence, one step ahead."""
    test = fold.split.test
    return compare_with_persistence(fold.targets[test], fold.scaled(baseline(fold))[test], fold.persistence[test], 1)


@pytest.mark.parametrize("protocol", ["paper", "walk_forward"])
@pytest.mark.parametrize("horizon", [1, 3])
def test_persistence_repeats_the_close_of_horizon_days_before(protocol: str, horizon: int) -> None:
    fold = fold_of(walk(np.random.default_rng(0).normal(size=60) / 20), protocol, horizon=horizon)
    assert persistence(fold).tolist() == fold.panel.close.shift(horizon)[fold.days].tolist()
    everything = np.arange(len(fold.truth))
    assert fold.unscaled(fold.persistence, everything) == pytest.approx(persistence(fold))


def test_drift_is_the_mean_growth_of_the_training_part() -> None:
    returns = np.random.default_rng(1).normal(size=80) / 20
    fold = fold_of(walk(returns), horizon=3)
    known = fold.samples.targets[fold.split.train[-1]] + 1  # rows of the panel, which starts a day later
    growth = returns[1:known].mean()
    assert drift(fold) == pytest.approx(fold.last * np.exp(3 * growth))


@pytest.mark.parametrize("horizon", [1, 4])
def test_the_autoregression_agrees_with_statsmodels(horizon: int) -> None:
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
    expected = fold.last[fold.split.test[-1]] * np.exp(ahead.sum())
    assert autoregression(fold)[fold.split.test[-1]] == pytest.approx(expected)
    if horizon == 1:
        found = compared(fold, autoregression)
        assert found.relative_rmse < 0.95
        assert found.dm_p < 0.01


def test_the_autoregression_of_noise_is_drift() -> None:
    fold = fold_of(walk(np.random.default_rng(3).normal(size=400) / 20))
    assert autoregression(fold) == pytest.approx(drift(fold))


def test_ridge_finds_a_linear_rule() -> None:
    rng = np.random.default_rng(4)
    returns = np.zeros(600)
    for t in range(1, len(returns)):
        returns[t] = 0.8 * returns[t - 1] + 0.01 * rng.normal()
    fold = fold_of(walk(returns))
    found = compared(fold, ridge)
    assert found.relative_rmse == pytest.approx(math.sqrt(1 - 0.8**2), abs=0.1)


@pytest.mark.parametrize("name", BASELINES["dollars"])
@pytest.mark.parametrize(
    ("protocol", "window", "horizon"), [("paper", 2, h) for h in (10, 25, 40, 63)] + [("walk_forward", 2, 20)]
)
def test_baselines_forecast_long_horizons(name: str, protocol: str, window: int, horizon: int) -> None:
    close = walk(np.random.default_rng(6).normal(size=159) / 20)
    fold = fold_of(close, protocol, window, horizon)
    forecasts = BASELINES["dollars"][name](fold)
    assert forecasts.shape == fold.truth.shape
    assert np.isfinite(forecasts).all()
    if name != "ridge":  # with closes as targets, ridge may go below 0
        assert (forecasts > 0).all()


def test_baselines_can_be_fitted_to_a_single_window() -> None:
    fold = fold_of(walk(np.random.default_rng(7).normal(size=99) / 20), "paper", 79, 1)
    assert len(fold.split.train) == 1
    for forecast in BASELINES["dollars"].values():
        assert np.isfinite(forecast(fold)).all()


@pytest.mark.parametrize("name", BASELINES["dollars"])
@pytest.mark.parametrize("protocol", ["paper", "walk_forward"])
def test_no_baseline_sees_the_future(name: str, protocol: str) -> None:
    close = walk(np.random.default_rng(5).normal(size=200) / 20)
    fold = fold_of(close, protocol)
    today = fold.split.test[0]
    row = fold.samples.origins[today] + (1 if protocol == "walk_forward" else 0)  # relative_changes drops a row
    other = close.copy()
    other[row + 1 :] *= np.linspace(2, 3, len(close) - row - 1)
    forecast = BASELINES["dollars"][name]
    assert forecast(fold_of(other, protocol))[: today + 1] == pytest.approx(forecast(fold)[: today + 1])


def test_a_leak_shows_in_the_scores_and_shuffled_sentiment_does_not() -> None:
    options = ("features=btc_sent", "source=synthetic", "protocol=walk_forward", "n_folds=3", "fold=2")
    found = {}
    for control in ("null", "shuffled", "leak"):
        fold = configured_fold(*options, f"control={control}")
        found[control] = compared(fold, ridge)
    assert found["leak"].relative_rmse < 0.85
    assert found["leak"].direction > 0.95
    assert found["leak"].dm_p < 1e-3
    for control in ("null", "shuffled"):
        assert found[control].relative_rmse == pytest.approx(1, abs=0.03)
        assert found[control].direction_p > 0.01


def test_equal_returns_are_a_drift_to_an_autoregression() -> None:
    fold = fold_of(2.0 ** np.arange(40))  # all log-returns are equal, but for rounding
    assert np.array_equal(autoregression(fold), drift(fold))
