"""The leak audit finds series made from prices, and leaves others alone."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from datamodules.market import synthetic
from datamodules.market.audit import Audit, Similarity, audit
from datamodules.market.prices import load_prices
from datamodules.market.yahoo_layout import DateRange
from datamodules.sentiment import read_daily_csv

PAPER = DateRange.parse("2014-09-18", "2019-11-23")


@pytest.fixture(scope="module")
def close() -> pd.Series:
    return synthetic.prices(PAPER)["btc"].frame["Close"]


def noise(like: pd.Series) -> pd.Series:
    return pd.Series(np.random.default_rng(0).standard_normal(len(like)), like.index)


def test_all_numbers_by_hand() -> None:
    days = pd.date_range("2015-03-01", periods=5)
    close = pd.Series(np.exp([0.0, 1.0, 0.0, 2.0, 5.0]), days)  # returns 1, -1, 2, 3
    found = audit(pd.Series([9.0, 0.5, -1.0, -1.0, 9.0], days), close)
    assert found.days == 4  # the first day has no change
    assert found.level == pytest.approx(np.corrcoef([9, 0.5, -1, -1, 9], close)[0, 1])
    before, same, following, after = (found.by_lag[lag] for lag in (-1, 0, 1, 2))
    assert before.correlation == pytest.approx(np.corrcoef([-1, -1, 9], [1, -1, 2])[0, 1])
    assert same.correlation == pytest.approx(np.corrcoef([0.5, -1, -1, 9], [1, -1, 2, 3])[0, 1])
    assert same.change_correlation == pytest.approx(spearmanr([-8.5, -1.5, 0, 10], [1, -1, 2, 3]).statistic)
    assert same.same_sign == 3 / 4
    assert following.correlation == pytest.approx(np.corrcoef([9, 0.5, -1, -1], [1, -1, 2, 3])[0, 1])
    assert following.change_correlation == pytest.approx(spearmanr([-8.5, -1.5, 0], [-1, 2, 3]).statistic)
    assert following.same_sign == 1 / 4
    assert after.same_sign == 1 / 3


def test_a_change_over_a_gap_does_not_count() -> None:
    days = pd.date_range("2015-03-01", periods=6)
    close = pd.Series([1.0, 2.0, 3.0, 1.0, 5.0, 4.0], days)
    series = pd.Series([1.0, 7.0, 2.0, 4.0, 3.0], days.delete(2))
    assert audit(series, close).by_lag[0].change_correlation == pytest.approx(
        spearmanr([6, 2, -1], np.log([2, 5, 0.8])).statistic
    )


def sign(close: pd.Series) -> pd.Series:
    return np.sign(close.diff())


MakeSeries = Callable[[pd.Series], pd.Series]

LEAKS: dict[str, MakeSeries] = {
    "the sign of the day's change": sign,
    "its opposite": lambda close: -sign(close),
    "that of the next day": lambda close: sign(close).shift(-1),
    "as 0 and 1": lambda close: (sign(close) > 0).astype(float),
    "mixed with noise": lambda close: sign(close) + 0.8 * noise(close),
    "wrong on every fifth day": lambda close: sign(close) * np.where(np.arange(len(close)) % 5 > 0, 1, -1),
    "the change itself": lambda close: np.log(close).diff(),
    "that of the day after tomorrow": lambda close: np.log(close).diff().shift(-2),
    "that of yesterday": lambda close: np.log(close).diff().shift(),
    "the price": lambda close: close,
    "tomorrow's price": lambda close: close.shift(-1),
    "the price upside down": lambda close: -3 * close,
    "the logarithm of the price": np.log,
}


@pytest.mark.parametrize("series", LEAKS.values(), ids=LEAKS)
def test_series_made_from_prices_are_found(series: MakeSeries, close: pd.Series) -> None:
    found = audit(series(close), close)
    assert found.looks_like_the_price
    assert found.sentence("tag").startswith("WARNING: sentiment tag looks like the price itself")


HONEST: dict[str, MakeSeries] = {
    "noise": noise,
    "always positive": lambda close: 0.1 + noise(close).abs(),
    "never changing": lambda close: pd.Series(1.0, close.index),
    "zero on most days": lambda close: noise(close).where(np.arange(len(close)) % 10 == 0, 0.0),
    "a little moved by the price": lambda close: synthetic.sentiment(close.to_frame("Close")),
    "a trend of its own": lambda close: noise(close).cumsum(),
    "a steady rise": lambda close: pd.Series(np.arange(len(close)) + noise(close), close.index),
}


@pytest.mark.parametrize("series", HONEST.values(), ids=HONEST)
def test_other_series_are_not_suspected(series: MakeSeries, close: pd.Series) -> None:
    found = audit(series(close), close)
    assert not found.looks_like_the_price
    said = found.sentence("mood")
    assert "does not look like the price" in said
    assert "from the day before to the day after tomorrow, and with nothing else" in said


def test_the_sentence_names_the_day_whose_return_is_known(close: pd.Series) -> None:
    said = audit(close.shift(-1), close).sentence("mood")
    assert "It resembles the next day's return (correlation" in said
    assert "the day after tomorrow's" not in said


def test_two_correlated_trends_are_not_suspected(close: pd.Series) -> None:
    found = audit(close.rolling(200).mean() + noise(close) * close.std() / 10, close)
    assert found.level > 0.5
    assert not found.looks_like_the_price


def test_a_series_without_both_signs_is_measured_from_its_mean(close: pd.Series) -> None:
    assert audit(1.0 + (sign(close) > 0)[1:], close).by_lag[0].same_sign == 1


@pytest.mark.parametrize("lag", [-1, 0, 1, 2])
@pytest.mark.parametrize(
    ("days", "similarity", "leaks"),
    [
        (60, Similarity(0.49, -0.49, 0.74), False),
        (60, Similarity(-0.49, 0.49, 0.26), False),
        (60, Similarity(0.0, 0.0, 0.75), True),
        (60, Similarity(0.0, 0.0, 0.25), True),
        (60, Similarity(-0.5, 0.0, 0.5), True),
        (60, Similarity(0.0, 0.5, 0.5), True),
        (59, Similarity(1.0, 1.0, 1.0), False),
    ],
)
def test_the_thresholds(days: int, similarity: Similarity, leaks: bool, lag: int) -> None:
    nothing = dict.fromkeys((-1, 0, 1, 2), Similarity(0.0, 0.0, 0.5))
    assert Audit(days, 1.0, {**nothing, lag: similarity}).looks_like_the_price is leaks


def test_too_few_days_are_reported_as_such(close: pd.Series) -> None:
    few = audit(sign(close)[:50], close)
    assert not few.looks_like_the_price
    assert "too few" in few.sentence("tag")
    assert audit(pd.Series(dtype=float, index=pd.DatetimeIndex([])), close).days == 0


def test_real_moods_are_not_suspected_and_the_rebuilt_tag_is(shared_data: Path) -> None:
    close = load_prices("btc", PAPER, shared_data).frame["Close"]
    table = shared_data / "market" / "daily_sentiment.csv"
    reddit = audit(read_daily_csv(table, "reddit_comments_cl").values, close)
    assert not reddit.looks_like_the_price
    assert reddit.by_lag[0].correlation == pytest.approx(0.13, abs=0.005)
    assert not audit(read_daily_csv(table, "jar_vader").values, close).looks_like_the_price

    tweets = pd.read_csv(shared_data / "market" / "tweets_mbsa_format.csv", parse_dates=["Date"])
    tag = tweets["Sentiment"].map({"Positive": 1.0, "Neutral": 0.0, "Negative": -1.0}).groupby(tweets["Date"]).mean()
    assert audit(tag, close).looks_like_the_price
    assert audit(tag, close).by_lag[0].same_sign == 1
    assert audit(sign(close), close).looks_like_the_price


def test_no_real_mood_is_taken_for_the_price_and_the_price_is(shared_data: Path) -> None:
    close = load_prices("btc", PAPER, shared_data).frame["Close"]
    table = shared_data / "market" / "daily_sentiment.csv"
    for column in pd.read_csv(table, nrows=1).columns[1:]:
        assert not audit(read_daily_csv(table, column).values, close).looks_like_the_price, column
    for series in (close, close.shift(-1), np.log(close).diff().shift(-2)):
        assert audit(series.dropna(), close).looks_like_the_price
