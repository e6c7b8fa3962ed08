"""Feature sets are joined on common days, and sentiment is filled from the past alone."""

import numpy as np
import pandas as pd
import pytest
from conftest import PROJECT

from datamodules.errors import DataError
from datamodules.market.panel import SENTIMENT, Panel, assemble_panel, relative_changes
from datamodules.market.prices import load_prices
from datamodules.market.yahoo_layout import MARKETS, DateRange
from datamodules.sentiment import read_daily_csv

FIXTURES = PROJECT / "tests" / "fixtures"
SERIES = (*MARKETS, SENTIMENT)
MOOD = FIXTURES / "market" / "mood.csv"


def small(series: tuple[str, ...] = SERIES, mood: pd.Series | None = None) -> tuple[Panel, int]:
    """The panel of the fixtures, with the days 2, 3, 5, 6, 9 and 10 March."""
    span = DateRange.parse("2015-03-01", "2015-03-10")
    markets = {market: load_prices(market, span, FIXTURES).frame for market in MARKETS}
    return assemble_panel(markets, read_daily_csv(MOOD, "mood").values if mood is None else mood, series)


def test_columns_come_in_the_order_of_the_series() -> None:
    panel, _ = small(("sp500", "sentiment"))
    names = ["Open", "High", "Low", "Close", "Adj Close", "Volume"]
    assert list(panel.features.columns) == [*(f"sp500 {name}" for name in names), "sentiment"]
    assert panel.close.tolist() == [108, 104, 99, 101, 111, 114]


def test_sentiment_is_filled_from_the_past_alone() -> None:
    panel, filled = small(("sentiment",))
    # 2, 3, 5, 6, 9, 10 March: the 5th has the value of the 3rd, the 9th that of the 8th, a Sunday.
    assert panel.features["sentiment"].tolist() == [-0.2, 0.3, 0.3, 0.6, 0.8, 1.0]
    assert filled == 2


def test_days_outside_of_the_sentiments_range_are_dropped_only_with_sentiment() -> None:
    mood = read_daily_csv(MOOD, "mood").values["2015-03-03":"2015-03-08"]  # type: ignore[misc]
    assert [day.day for day in small(SERIES, mood)[0].features.index] == [3, 5, 6]
    assert len(small(("btc",), mood)[0].features) == 6


def test_sentiment_without_a_common_day_is_refused() -> None:
    with pytest.raises(DataError, match="2020-01-01 to 2020-01-01, and the prices have no day in common"):
        small(SERIES, pd.Series([1.0], pd.DatetimeIndex(["2020-01-01"])))


def test_an_unknown_series_is_refused() -> None:
    with pytest.raises(DataError, match="has 'gold': choose some of btc, usd, sp500, sentiment, messages"):
        small(("btc", "gold"))


def test_relative_changes_by_hand() -> None:
    panel, _ = small()
    changed = relative_changes(panel)
    first = changed.features.iloc[0]  # 3 March compared with the 2nd
    assert changed.features.index[0] == pd.Timestamp("2015-03-03")
    assert first["btc Close"] == pytest.approx(np.log(104 / 108))
    assert first["btc High"] == pytest.approx(np.log(109 / 108))
    assert first["sp500 Low"] == pytest.approx(np.log(1980 / 2005))
    assert first["btc Volume"] == pytest.approx(np.log(1501 / 2001))
    assert first["usd Volume"] == 0
    assert first["sentiment"] == 0.3
    assert changed.close.tolist() == panel.close.tolist()[1:]
