"""HAR and GARCH: each equals its definition, sees no future, and beats persistence where it should."""

import numpy as np
import pandas as pd
import pytest

from datamodules.errors import DataError
from datamodules.market.fold import Fold, make_fold
from datamodules.market.panel import Panel
from forecasting.accuracy import compare_with_persistence
from forecasting.baselines import BASELINES
from forecasting.volatility_baselines import garch, har


def fold_of(volatility: np.ndarray, returns: np.ndarray, protocol: str = "walk_forward", horizon: int = 1) -> Fold:
    """A fold on these volatilities and closes with these log-returns."""
    days = pd.date_range("2015-01-01", periods=len(volatility))
    close = pd.Series(100 * np.exp(np.cumsum(returns)), days)
    features = pd.DataFrame({"volatility": np.log(volatility)}, days)
    return make_fold(Panel(features, close, pd.Series(volatility, days)), protocol, 2, horizon, 3, 0)


def made_up(days: int = 600, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Volatilities, in percent, that remember a week, and log-returns of that size."""
    random = np.random.default_rng(seed)
    logs = np.zeros(days)
    for day in range(5, days):
        logs[day] = 0.9 * logs[day - 5 : day].mean() + 0.4 * random.standard_normal()
    return 3 * np.exp(logs), 0.03 * np.exp(logs) * random.standard_normal(days)


def relative_rmse(fold: Fold, forecast: np.ndarray) -> float:
    test = fold.split.test
    scaled = fold.scaled(forecast)[test]
    return compare_with_persistence(fold.targets[test], scaled, fold.persistence[test], 1).relative_rmse


def test_har_is_the_regression_on_a_day_a_week_and_a_month() -> None:
    volatility, returns = made_up()
    fold = fold_of(volatility, returns)
    logs = np.log(fold.panel.target.to_numpy())
    known = fold.samples.targets[fold.split.train[-1]] + 1

    def row(day: int) -> list[float]:
        return [1.0, logs[day], logs[day - 4 : day + 1].mean(), logs[day - 21 : day + 1].mean()]

    rows = np.array([row(day) for day in range(21, known - 1)])
    weights = np.linalg.lstsq(rows, logs[22:known], rcond=None)[0]
    last = fold.split.test[-1]
    assert har(fold)[last] == pytest.approx(np.exp(row(fold.samples.origins[last]) @ weights), rel=1e-6)


def test_har_beats_persistence_where_volatility_remembers_a_week() -> None:
    assert relative_rmse(fold_of(*made_up()), har(fold_of(*made_up()))) < 0.9


def test_garch_beats_persistence_on_garch() -> None:
    """The range of a day is here its deviation, times a constant, with noise: the past range says less than GARCH."""
    random = np.random.default_rng(1)
    variance, returns = np.full(1500, 9e-4), np.zeros(1500)
    for day in range(1, 1500):
        variance[day] = 3e-5 + 0.15 * returns[day - 1] ** 2 + 0.82 * variance[day - 1]
        returns[day] = np.sqrt(variance[day]) * random.standard_normal()
    volatility = 60 * np.sqrt(variance) * np.exp(0.3 * random.standard_normal(1500))
    fold = fold_of(volatility, returns)
    forecast = garch(fold)
    assert relative_rmse(fold, forecast) < 0.8
    true = np.sqrt(variance)[1:][fold.samples.targets]  # the panel begins a day later
    test = fold.split.test
    assert np.corrcoef(np.log(forecast[test]), np.log(true[test]))[0, 1] > 0.95


@pytest.mark.parametrize("name", ["har", "garch"])
@pytest.mark.parametrize("protocol", ["paper", "walk_forward"])
def test_neither_sees_the_future(name: str, protocol: str) -> None:
    volatility, returns = made_up(300)
    fold = fold_of(volatility, returns, protocol)
    today = fold.split.test[0]
    row = fold.samples.origins[today] + (1 if protocol == "walk_forward" else 0)  # relative_changes drops a row
    volatility[row + 1 :] *= 3
    returns[row + 1 :] *= 3
    forecast = BASELINES["percent"][name]
    changed = forecast(fold_of(volatility, returns, protocol))
    assert changed[: today + 1] == pytest.approx(forecast(fold)[: today + 1])
    assert changed[today + 1 :] != pytest.approx(forecast(fold)[today + 1 :])


@pytest.mark.parametrize("name", ["har", "garch"])
def test_far_ahead_the_forecast_nears_a_constant(name: str) -> None:
    spreads = []
    for horizon in (1, 42):
        fold = fold_of(*made_up(), horizon=horizon)
        forecast = BASELINES["percent"][name](fold)
        assert np.isfinite(forecast).all()
        assert (forecast > 0).all()
        spreads.append(np.log(forecast).std())
    assert spreads[1] < spreads[0]


def test_too_few_days_for_har_are_an_error() -> None:
    with pytest.raises(DataError, match="days to train are too few for HAR"):
        har(fold_of(*made_up(40)))


def test_closes_that_never_change_are_refused_by_garch() -> None:
    with pytest.raises(DataError, match=r"^Bitcoin's close never changes in the training part, so that GARCH has no"):
        garch(fold_of(made_up()[0], np.zeros(600)))
