"""Synthetic markets look like real ones, are reproducible, and say that they are made up."""

import numpy as np
import pytest
from conftest import PROJECT

from datamodules.market import synthetic
from datamodules.market.prices import check_prices, join_markets
from datamodules.market.yahoo_layout import MARKETS, DateRange

ANY_FILE = PROJECT / "tests" / "fixtures" / "market" / "BTC-USD.csv"
MARCH = DateRange.parse("2015-03-01", "2015-03-10")
PAPER = DateRange.parse("2014-09-18", "2019-11-23")


def test_synthetic_prices_pass_the_checks_of_real_ones_and_say_that_they_are_synthetic() -> None:
    daily = synthetic.prices(PAPER)
    assert set(daily) == set(MARKETS)
    for market, (frame, note) in daily.items():
        assert "SYNTHETIC" in note
        checked = check_prices(frame, PAPER, ANY_FILE, MARKETS[market].longest_pause)
        assert checked.frame.equals(frame)
    assert len(join_markets({market: checked.frame for market, checked in daily.items()})) == 1352  # working days


def test_the_same_days_have_the_same_synthetic_prices() -> None:
    first, second = (synthetic.prices(MARCH)["btc"].frame for _ in range(2))
    assert first.equals(second)


def test_synthetic_series_are_pinned() -> None:
    """Old results can be reproduced only as long as the series do not change."""
    last = {market: daily.frame["Close"].iloc[-1] for market, daily in synthetic.prices(MARCH).items()}
    assert last == pytest.approx({"btc": 481.155769701, "usd": 86.927590322, "sp500": 2006.516103176})
    mood = synthetic.sentiment(synthetic.prices(MARCH)["btc"].frame)
    assert mood.iloc[-1] == pytest.approx(0.138454794)


def test_volatility_clusters_and_direction_is_random() -> None:
    returns = np.log(synthetic.prices(PAPER)["btc"].frame["Close"]).diff().dropna()
    assert returns.abs().autocorr(1) > 0.1
    assert abs(returns.autocorr(1)) < 0.06
    assert returns.std() == pytest.approx(0.04, rel=0.3)
