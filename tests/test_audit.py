from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from datamodules import prices, synthetic
from datamodules.audit import Audit, audit
from datamodules.sentiment import read_daily

PAPER = prices.Span.parse("2014-09-18", "2019-11-23")


@pytest.fixture(scope="module")
def close() -> pd.Series:
    return synthetic.prices(PAPER)["btc"].frame["Close"]


def noise(like: pd.Series) -> pd.Series:
    return pd.Series(np.random.default_rng(0).standard_normal(len(like)), like.index)


def test_the_numbers_by_hand() -> None:
    days = pd.date_range("2015-03-01", periods=5)
    close = pd.Series(np.exp([0.0, 1.0, 0.0, 2.0, 5.0]), days)  # changes 1, -1, 2, 3
    found = audit(pd.Series([9.0, 0.5, -1.0, -1.0, 9.0], days), close)
    assert found.days == 3  # the first day has no change, the last no next one
    assert found.same_day == pytest.approx(np.corrcoef([0.5, -1, -1], [1, -1, 2])[0, 1])
    assert found.next_day == pytest.approx(np.corrcoef([0.5, -1, -1], [-1, 2, 3])[0, 1])
    assert found.same_sign == pytest.approx(2 / 3)
    assert found.next_sign == 0


def sign(close: pd.Series) -> pd.Series:
    return np.sign(close.diff())


Series = Callable[[pd.Series], pd.Series]

LEAKS: dict[str, Series] = {
    "the sign of the day's change": sign,
    "its opposite": lambda close: -sign(close),
    "that of the next day": lambda close: sign(close).shift(-1),
    "as 0 and 1": lambda close: (sign(close) > 0).astype(float),
    "mixed with noise": lambda close: sign(close) + 0.8 * noise(close),
    "wrong on every fifth day": lambda close: sign(close) * np.where(np.arange(len(close)) % 5 > 0, 1, -1),
    "the change itself": lambda close: np.log(close).diff(),
}


@pytest.mark.parametrize("series", LEAKS.values(), ids=LEAKS)
def test_what_is_made_from_prices_is_found(series: Series, close: pd.Series) -> None:
    found = audit(series(close), close)
    assert found.looks_like_the_price
    assert found.sentence("tag").startswith("WARNING: sentiment tag looks like the price itself")


HONEST: dict[str, Series] = {
    "noise": noise,
    "always positive": lambda close: 0.1 + noise(close).abs(),
    "never changing": lambda close: pd.Series(1.0, close.index),
    "zero on most days": lambda close: noise(close).where(np.arange(len(close)) % 10 == 0, 0.0),
    "a little moved by the price": lambda close: synthetic.sentiment(close.to_frame("Close")),
    "the price level": lambda close: close,
}


@pytest.mark.parametrize("series", HONEST.values(), ids=HONEST)
def test_what_is_not_made_from_prices_is_left_alone(series: Series, close: pd.Series) -> None:
    found = audit(series(close), close)
    assert not found.looks_like_the_price
    assert "does not look like the price" in found.sentence("mood")


def test_a_series_without_both_signs_is_taken_from_its_mean(close: pd.Series) -> None:
    assert audit(1.0 + (sign(close) > 0), close).same_sign == 1


@pytest.mark.parametrize(
    ("found", "leaks"),
    [
        (Audit(60, 0.49, -0.49, 0.74, 0.26), False),
        (Audit(60, 0.0, 0.0, 0.75, 0.5), True),
        (Audit(60, 0.0, 0.0, 0.5, 0.25), True),
        (Audit(60, -0.5, 0.0, 0.5, 0.5), True),
        (Audit(60, 0.0, 0.5, 0.5, 0.5), True),
        (Audit(59, 1.0, 1.0, 1.0, 1.0), False),
    ],
)
def test_where_the_line_is_drawn(found: Audit, leaks: bool) -> None:
    assert found.looks_like_the_price is leaks


def test_too_few_days_are_called_so(close: pd.Series) -> None:
    few = audit(sign(close)[:50], close)
    assert not few.looks_like_the_price
    assert "too few" in few.sentence("tag")
    assert audit(pd.Series(dtype=float, index=pd.DatetimeIndex([])), close) == Audit(0, 0.0, 0.0, 0.5, 0.5)


def test_real_moods_and_the_rebuilt_tag(shared_data: Path) -> None:
    close = prices.load("btc", PAPER, shared_data).frame["Close"]
    table = shared_data / "market" / "daily_sentiment.csv"
    reddit = audit(read_daily(table, "reddit_comments_cl"), close)
    assert not reddit.looks_like_the_price
    assert reddit.same_day == pytest.approx(0.13, abs=0.005)
    assert not audit(read_daily(table, "jar_vader"), close).looks_like_the_price

    tweets = pd.read_csv(shared_data / "market" / "tweets_mbsa_format.csv", parse_dates=["Date"])
    tag = tweets["Sentiment"].map({"Positive": 1.0, "Neutral": 0.0, "Negative": -1.0}).groupby(tweets["Date"]).mean()
    assert audit(tag, close).looks_like_the_price
    assert audit(tag, close).same_sign == 1
    assert audit(sign(close), close).looks_like_the_price
