"""Baselines of a user's own series."""

import numpy as np
import pandas as pd
import pytest

from datamodules.frequency import Frequency, frequency_of
from datamodules.series.series_file import Calendar
from datamodules.series.series_fold import SeriesFold, make_series_fold
from datamodules.series.series_panel import panel_of
from forecasting.automatic_baselines import AUTOMATIC
from forecasting.series_baselines import mase_scales, series_baselines


def fold_of(*series: np.ndarray, horizon: int = 1, season: int | None = None, protocol: str = "paper") -> SeriesFold:
    """A fold of daily series that begin on the same day."""
    days = pd.date_range("2020-01-01", periods=len(series[0]))
    frequency: Frequency = frequency_of([days], "file")
    made = [
        Calendar(str(k), frequency.numbers(days)[: len(each)], pd.DataFrame({"y": each}), np.ones(len(each), bool))
        for k, each in enumerate(series)
    ]
    return make_series_fold(panel_of(made, frequency, season), protocol, 3, horizon, 3, 0)


@pytest.mark.parametrize("horizon", [1, 6, 9])
def test_the_seasonal_naive_forecast_is_right_where_only_the_season_moves(horizon: int) -> None:
    fold = fold_of(np.tile([1.0, 5, 2, 8, 3, 9, 4], 20), horizon=horizon)
    forecast = series_baselines(fold)["seasonal"](fold)
    later = fold.samples.targets >= 14
    assert forecast[later] == pytest.approx(fold.truth[later])


def test_there_is_no_seasonal_forecast_without_a_season() -> None:
    assert list(series_baselines(fold_of(np.arange(50.0) % 5, season=1))) == ["persistence", "drift", "ar", "ridge"]


@pytest.mark.parametrize("horizon", [1, 3])
def test_drift_and_ridge_find_a_line_in_each_series(horizon: int) -> None:
    fold = fold_of(np.arange(60.0), 1000 - 7 * np.arange(60.0), horizon=horizon)
    for name in ("drift", "ar"):
        assert series_baselines(fold)[name](fold) == pytest.approx(fold.truth)


@pytest.mark.parametrize("protocol", ["paper", "walk_forward"])
def test_the_autoregression_finds_its_own_process_in_each_series(protocol: str) -> None:
    random, both = np.random.default_rng(0), []
    for weight in (0.8, -0.6):
        changes = np.zeros(600)
        for t in range(1, 600):
            changes[t] = weight * changes[t - 1] + random.normal()
        both.append(changes.cumsum())
    fold = fold_of(*both, protocol=protocol)
    forecast = series_baselines(fold)["ar"](fold)
    for k, gain in ((0, 0.85), (1, 0.9)):
        test = fold.split.test[fold.ids[fold.split.test] == k]
        errors = [np.sqrt(np.mean((each[test] - fold.truth[test]) ** 2)) for each in (forecast, fold.last)]
        assert errors[0] < gain * errors[1]


def test_mase_is_scaled_by_the_seasonal_naive_error_of_the_training_part() -> None:
    values = np.tile([0.0, 0, 0, 0, 0, 0, 0, 3, 3, 3, 3, 3, 3, 3], 10)
    fold = fold_of(values, 10 * values)
    known = values[fold.known[: len(values)]]
    assert mase_scales(fold) == pytest.approx([3.0, 30.0])
    assert len(known) < len(values)


@pytest.mark.slow
@pytest.mark.parametrize("name", AUTOMATIC)
def test_statsforecast_finds_the_season_after_the_training_part(name: str) -> None:
    pytest.importorskip("statsforecast", reason="it comes with the extra `series`")
    random = np.random.default_rng(0)
    season = np.tile([1.0, 5, 2, 8, 3, 9, 4], 20)
    fold = fold_of(season + random.normal(size=140) / 5, 3 * season + random.normal(size=140) / 5)
    forecast = AUTOMATIC[name](fold)
    test = fold.split.test
    assert np.isnan(forecast[fold.split.train]).all()
    assert np.sqrt(np.mean((forecast[test] - fold.truth[test]) ** 2)) < 0.5
    assert np.abs(fold.last[test] - fold.truth[test]).mean() > 2
