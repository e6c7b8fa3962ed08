"""The volatility of a day from its range, and panels that forecast it."""

import numpy as np
import pandas as pd
import pytest
from market_configs import config

from datamodules.errors import DataError
from datamodules.market.controls import leak
from datamodules.market.fold import make_fold
from datamodules.market.market_data import load_market_data
from datamodules.market.panel import Panel, relative_changes
from datamodules.market.volatility import range_volatility

DAYS = pd.date_range("2020-01-01", periods=2)


def panel(features: str = "btc") -> Panel:
    return load_market_data(config(features, target="volatility")).panel


def test_the_range_by_hand() -> None:
    found = range_volatility(pd.Series([110.0, 101.0], DAYS), pd.Series([100.0, 100.0], DAYS))
    assert found.tolist() == pytest.approx([100 * np.log(1.1) / 1.66511, 100 * np.log(1.01) / 1.66511], rel=1e-5)


def test_its_square_is_the_variance_of_a_random_walk() -> None:
    """2,000 days of 2,000 steps; the steps are discrete, which makes the range a little too small."""
    steps = np.random.default_rng(0).standard_normal((2000, 2000)) * 0.03 / np.sqrt(2000)
    path = np.exp(np.cumsum(np.c_[np.zeros(2000), steps], axis=1))
    found = range_volatility(pd.Series(path.max(axis=1)), pd.Series(path.min(axis=1)))
    assert np.sqrt((found**2).mean()) == pytest.approx(3, rel=0.05)


def test_a_day_without_a_range_is_refused_by_name() -> None:
    with pytest.raises(DataError, match="High is not above its Low on 2020-01-02"):
        range_volatility(pd.Series([110.0, 100.0], DAYS), pd.Series([100.0, 100.0], DAYS))


def test_a_net_may_know_the_volatility_of_past_days() -> None:
    found = panel()
    assert list(found.features.columns)[-1] == "volatility"
    assert found.features["volatility"].tolist() == pytest.approx(np.log(found.target).tolist())
    assert found.unit == "percent"
    assert relative_changes(found).features["volatility"].tolist() == found.features["volatility"].tolist()[1:]


@pytest.mark.parametrize("protocol", ["paper", "walk_forward"])
def test_the_target_is_the_volatility_of_the_day_that_is_forecast(protocol: str) -> None:
    found = panel()
    fold = make_fold(found, protocol, 7, 3, 5, 0)
    assert fold.truth.tolist() == found.target[fold.days].tolist()
    assert fold.last.tolist() == found.target.shift(3)[fold.days].tolist()
    every = np.arange(len(fold.truth))
    assert fold.unscaled(fold.targets, every) == pytest.approx(fold.truth)


def test_a_leak_tells_the_change_of_the_volatility() -> None:
    found = panel("btc_sent")
    told = leak(found, 1, 0)
    assert told.features["sentiment"].iloc[:-1].tolist() == np.sign(found.target.diff().iloc[1:]).tolist()
    assert told.volatility is found.volatility


def test_messages_are_a_column_of_logarithms_that_changes_from_day_to_day() -> None:
    found = load_market_data(config("btc_sent_messages"))
    assert list(found.panel.features.columns)[-2:] == ["sentiment", "messages"]
    assert (found.messages, found.panel.unit) == ("synthetic", "dollars")
    assert any("messages=reddit is not read" in line for line in found.report)
    values = found.panel.features["messages"]
    assert values.between(np.log(100), np.log(100_000)).all()
    assert relative_changes(found.panel).features["messages"].tolist() == values.diff().tolist()[1:]
    assert load_market_data(config("btc_sent")).messages is None
