"""Nothing leaks: what happens after a day changes nothing at or before it, and test documents teach nothing."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from soak import examples

from datamodules.market import synthetic
from datamodules.market.audit import audit
from datamodules.market.fold import Fold, make_fold
from datamodules.market.market_data import MarketData
from datamodules.market.market_datamodule import MarketDataModule
from datamodules.market.panel import FEATURE_SERIES, Panel, assemble_panel
from datamodules.market.protocols import PROTOCOLS
from datamodules.market.yahoo_layout import MARKETS, DateRange
from datamodules.series import series_panel
from datamodules.series.series_datamodule import SeriesDataModule
from datamodules.series.series_file import Columns, read_series
from datamodules.series.series_fold import make_series_fold
from datamodules.texts.corpora import Corpus
from datamodules.texts.dropping import drop_documents
from datamodules.texts.preprocess import DROP, PreprocessSettings, tokenize
from datamodules.texts.vocabulary import encode, learn_vocabulary
from datamodules.tweets.daily_means import average_by_day
from datamodules.tweets.kaggle_layouts import Tweet
from datamodules.tweets.tweet_scores import save_scores, score_by_vader
from forecasting.series_baselines import mase_scales, series_baselines

YEAR = DateRange.parse("2015-01-01", "2015-12-31")
FRAMES = {market: daily.frame for market, daily in synthetic.prices(YEAR).items()}
MOOD, MESSAGES = synthetic.sentiment(FRAMES["btc"]), synthetic.messages(FRAMES["btc"])
DAYS = list(pd.date_range(YEAR.start, YEAR.end))

seeds = st.integers(0, 2**32 - 1)


def with_holes(seed: int) -> dict[str, pd.DataFrame | pd.Series]:
    """The year's series, each without some random days, as real ones are."""
    random = np.random.default_rng(seed)
    every = {**FRAMES, "sentiment": MOOD, "messages": MESSAGES}
    return {name: series[random.random(len(series)) > 0.05] for name, series in every.items()}


def shaken(
    series: dict[str, pd.DataFrame | pd.Series], after: pd.Timestamp, seed: int
) -> dict[str, pd.DataFrame | pd.Series]:
    """The series with other values on all days after `after`."""
    random = np.random.default_rng(seed)
    changed = {}
    for name, values in series.items():
        factors = random.uniform(0.3, 3, values.shape)
        if name in MARKETS:
            factors[:, 1] = 10  # the High stays above the Low
        early = np.array(values.index <= after)
        factors[early] = 1
        changed[name] = values * factors
    return changed


def panel_of(series: dict[str, pd.DataFrame | pd.Series], target: str) -> Panel:
    markets = {name: frame for name, frame in series.items() if name in MARKETS}
    return assemble_panel(markets, series["sentiment"], FEATURE_SERIES, series["messages"], target)[0]  # type: ignore[arg-type]


targets = st.sampled_from(["close", "volatility"])


@pytest.mark.parametrize("protocol", PROTOCOLS)
@examples(10)
@given(day=st.sampled_from(DAYS[20:-20]), seed=seeds, target=targets)
def test_later_days_change_no_earlier_row_of_the_panel(
    protocol: str, day: pd.Timestamp, seed: int, target: str
) -> None:
    """Not even if days are missing from the later part, in one series or in all."""
    prepare = PROTOCOLS[protocol].prepare
    series = with_holes(seed)
    later = shaken(series, day, seed)
    random = np.random.default_rng(seed)
    cut = {name: values[(values.index <= day) | (random.random(len(values)) > 0.2)] for name, values in later.items()}
    before, after = (prepare(panel_of(some, target)) for some in (series, cut))
    pd.testing.assert_frame_equal(before.features[:day], after.features[:day], check_freq=False)
    pd.testing.assert_series_equal(before.target[:day], after.target[:day], check_freq=False)
    assert not before.features[day:].iloc[1:].equals(after.features[day:].iloc[1:])


def learned(panel: Panel, fold: Fold) -> dict[str, object]:
    """The data that a checkpoint keeps, scalers among it."""
    return MarketDataModule(MarketData(panel, [], None, None, None, True), fold).state_dict()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@examples(10)
@given(
    seed=seeds,
    window=st.integers(1, 12),
    horizon=st.integers(1, 12),
    number=st.integers(0, 2),
    share=st.floats(0, 1),
    target=targets,
)
def test_later_days_change_no_scaler_no_window_and_no_target(
    protocol: str, seed: int, window: int, horizon: int, number: int, share: float, target: str
) -> None:
    """Neither from the end of the training part on, nor from any day of the validation and the test part on."""
    series = with_holes(seed)
    fold = 0 if protocol == "paper" else number
    panel = panel_of(series, target)
    before = make_fold(panel, protocol, window, horizon, 3, fold)
    known = before.samples.targets[before.split.train[-1]]
    row = known + int(share * (len(before.panel.target) - 2 - known))
    other = panel_of(shaken(series, before.panel.target.index[row], seed), target)
    after = make_fold(other, protocol, window, horizon, 3, fold)

    assert learned(panel, before) == learned(other, after)
    assert all(np.array_equal(*parts) for parts in zip(before.split, after.split, strict=True))
    seen, scored = before.samples.origins <= row, before.samples.targets <= row
    for name, chosen in (
        ("inputs", seen),
        ("last", seen),
        ("persistence", seen),
        ("truth", scored),
        ("targets", scored),
    ):
        one, two = (each.samples.inputs if name == "inputs" else getattr(each, name) for each in (before, after))
        assert np.array_equal(one[chosen], two[chosen]), name
    assert not np.array_equal(before.samples.inputs[-1], after.samples.inputs[-1]) or before.samples.origins[-1] <= row


def own_file(seed: int, after: pd.Timestamp | None = None) -> str:
    """A CSV file of two series with an input and holes; with other values on all days after `after`."""
    random, later = np.random.default_rng(seed), np.random.default_rng(seed + 1)
    rows = ["day,shop,units,price"]
    for shop, first in (("a", 0), ("b", 40)):
        for day in DAYS[first:240]:
            units, price = random.normal(50, 5), random.normal(3, 1)
            if after is not None and day > after:
                units, price = later.normal(70, 30, 2)
            there, known = random.random(2)
            if there > 0.05 or day in (DAYS[first], DAYS[239]):
                rows.append(f"{day:%Y-%m-%d},{shop},{units:.4f},{'' if known < 0.05 and day != DAYS[first] else price}")
    return "\n".join(rows) + "\n"


def own_panel(text: str, folder: Path) -> Panel:
    path = folder / "own.csv"
    path.write_text(text)
    found = read_series(path, Columns("day", "units", id="shop"))
    return series_panel.panel_of(found.series, found.frequency)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@examples(10)
@given(
    seed=st.integers(0, 2**31),
    window=st.integers(1, 12),
    horizon=st.integers(1, 12),
    number=st.integers(0, 2),
    share=st.floats(0, 1),
)
def test_later_rows_of_an_own_file_change_nothing_before_them(
    protocol: str, seed: int, window: int, horizon: int, number: int, share: float, tmp_path: Path
) -> None:
    """Neither scalers, windows and targets, nor the baselines, which are fitted to the training part as well."""
    fold = 0 if protocol == "paper" else number
    before = make_series_fold(own_panel(own_file(seed), tmp_path), protocol, window, horizon, 3, fold)
    known = int(before.clock[before.split.train].max())
    cut = known + int(share * (int(before.clock.max()) - 1 - known))
    day = before.own.frequency.times(np.array([cut]))[0]
    after = make_series_fold(own_panel(own_file(seed, day), tmp_path), protocol, window, horizon, 3, fold)

    data = [SeriesDataModule(MarketData(each.panel, [], None, None, None, False), each) for each in (before, after)]
    assert data[0].state_dict() == data[1].state_dict()
    assert all(np.array_equal(*parts) for parts in zip(before.split, after.split, strict=True))
    seen, scored = before.clock - horizon <= cut, before.clock <= cut
    assert np.array_equal(before.samples.inputs[seen], after.samples.inputs[seen])
    assert np.array_equal(before.targets[scored], after.targets[scored])
    assert np.array_equal(mase_scales(before), mase_scales(after))
    for name, forecast in series_baselines(before).items():
        assert np.allclose(forecast(before)[seen], forecast(after)[seen], rtol=1e-9), name
    assert not np.array_equal(before.targets, after.targets)


@examples(20)
@given(day=st.sampled_from(DAYS[100:-20]), seed=seeds)
def test_an_audit_up_to_a_day_does_not_know_the_days_after_it(day: pd.Timestamp, seed: int) -> None:
    close = FRAMES["btc"]["Close"][:day]
    later = shaken({"mood": MOOD}, day, seed)["mood"]
    assert audit(MOOD, close) == audit(later, close)  # type: ignore[arg-type]
    assert audit(MOOD, FRAMES["btc"]["Close"]) != audit(later, FRAMES["btc"]["Close"])  # type: ignore[arg-type]


tweets = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(["good", "bad", "RT @a: good", "not good", "so what", ""])),
    max_size=12,
)


@examples(25)
@given(early=tweets, late=tweets, others=tweets)
def test_later_tweets_change_no_earlier_day(
    early: list[tuple[int, str]], late: list[tuple[int, str]], others: list[tuple[int, str]], tmp_path: Path
) -> None:
    first = date(2018, 1, 1)

    def means(later: list[tuple[int, str]]) -> pd.DataFrame:
        rows = [*early, *((day + 5, text) for day, text in later)]
        path = tmp_path / "scores.npz"
        save_scores(path, score_by_vader([Tweet(first + timedelta(day), text, None) for day, text in rows]), broken=0)
        table = average_by_day([path]).table
        return table[table.index < (first + timedelta(5)).isoformat()] if len(table) else table

    one, two = means(late), means(others)
    assert len(one) == len({day for day, _ in early})
    assert one.empty if not early else one.equals(two)


documents = st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=6).map(" ".join), min_size=6, max_size=20)
ALL_WORDS = PreprocessSettings(stop_words=False, min_count=1)


@examples(50)
@given(texts=documents, others=documents, min_count=st.integers(1, 3))
def test_documents_outside_of_the_training_part_teach_no_word(
    texts: list[str], others: list[str], min_count: int
) -> None:
    """But for the numbers of words that are equally frequent: these stand in the order of the whole corpus."""
    train = np.arange(0, len(texts), 2)
    changed = [text if row % 2 == 0 else others[row % len(others)] for row, text in enumerate(texts)]
    found = []
    for some in (texts, changed):
        words = tokenize(some, ALL_WORDS)
        vocabulary = learn_vocabulary(words, train, min_count)
        encoded = encode(words, vocabulary, padding_first=False)
        kept = [[vocabulary[number - 1] for number in encoded.tokens[row] if number] for row in train]
        found.append((sorted(vocabulary), kept))
    assert found[0] == found[1]


@examples(50)
@given(texts=documents, more=documents)
def test_later_documents_drop_no_earlier_one(texts: list[str], more: list[str]) -> None:
    settings = PreprocessSettings(stop_words=False, min_words=1, duplicates=DROP)
    kept = []
    for some in (texts, texts + more):
        corpus = Corpus(some, [(row,) for row in range(len(some))], ("a",))
        chosen = drop_documents(corpus, tokenize(some, settings), settings)
        kept.append([row for (row,) in chosen.labels if row < len(texts)])
    assert kept[0] == kept[1]
