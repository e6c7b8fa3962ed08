"""Files that nobody would write: each is read, or refused in one short line; nothing else comes out of a loader."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from conftest import PROJECT
from fuzzing import read_or_refused, seeds, spoilt
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf
from soak import examples
from text_data import OWN_SETS, lay_out
from within_limits import within_limits

from datamodules.csv_files import LARGEST
from datamodules.days import FIRST, LAST, utc_days
from datamodules.market.panel import assemble_panel, relative_changes
from datamodules.market.prices import load_prices
from datamodules.market.yahoo_layout import MARKETS, DateRange
from datamodules.sentiment import read_daily_csv
from datamodules.texts.preprocess import PreprocessSettings, make_word_splitter
from datamodules.texts.sources import load_corpus
from datamodules.tweets.kaggle_layouts import chunks, read_chunk
from datamodules.tweets.prepare import PREPARATIONS, prepared
from datamodules.tweets.vader import compound

FIXTURES = PROJECT / "tests" / "fixtures"
MARCH = DateRange.parse("2015-03-01", "2015-03-10")

SETS = sorted(path.stem for path in (PROJECT / "conf" / "data").glob("*.yaml") if path.stem not in ("robo", *OWN_SETS))


@pytest.mark.parametrize("name", SETS)
@examples(25)
@given(seed=seeds)
def test_every_corpus(name: str, seed: int, tmp_path: Path) -> None:
    config = OmegaConf.load(PROJECT / "conf" / "data" / f"{name}.yaml")
    right = lay_out(tmp_path / "right") / config.file
    if not right.exists():
        right = tmp_path / "right" / config.unzipped
    path = tmp_path / "data" / right.relative_to(tmp_path / "right")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(spoilt(right.read_bytes(), seed))

    def read() -> None:
        corpus = load_corpus(config, tmp_path / "data")  # type: ignore[arg-type]
        assert len(corpus.texts) == len(corpus.labels) > 0
        assert all(text.strip() for text in corpus.texts)
        assert all(0 <= number < len(corpus.classes) for label in corpus.labels for number in label)
        "".join(corpus.texts).encode()  # no lone surrogates

    read_or_refused(read, path)


@examples(150)
@given(seed=seeds, market=st.sampled_from(sorted(MARKETS)))
def test_prices(seed: int, market: str, tmp_path: Path) -> None:
    name = MARKETS[market].symbol.removeprefix("^") + ".csv"
    path = tmp_path / "market" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(spoilt((FIXTURES / "market" / name).read_bytes(), seed))

    def read() -> None:
        frame = load_prices(market, MARCH, tmp_path).frame
        assert frame.index.is_monotonic_increasing
        assert frame.index.is_unique
        assert np.isfinite(frame.to_numpy()).all()
        frames = {other: load_prices(other, MARCH, FIXTURES).frame for other in MARKETS} | {market: frame}
        panel, _ = assemble_panel(frames, None, list(MARKETS))
        assert np.isfinite(relative_changes(panel).features.to_numpy()).all()

    read_or_refused(read, path)


@examples(150)
@given(seed=seeds)
def test_daily_series(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "mood.csv"
    path.write_bytes(spoilt((FIXTURES / "market" / "mood.csv").read_bytes(), seed))

    def read() -> None:
        values, _ = read_daily_csv(path, "mood")
        assert len(values) > 0
        assert values.index.is_monotonic_increasing
        assert values.index.is_unique
        assert (values.abs() <= LARGEST).all()
        assert FIRST <= values.index[0].date() <= values.index[-1].date() <= LAST

    read_or_refused(read, path)


@pytest.mark.parametrize("name", ["mbsa.csv", "tweets.csv"])
@examples(100)
@given(seed=seeds, size=st.integers(200, 2000))
def test_tweets(name: str, seed: int, size: int, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(spoilt((FIXTURES / "market" / name).read_bytes(), seed))

    def read() -> None:
        cut = chunks(path, size)
        assert sum(chunk.end - chunk.start for chunk in cut) == len(path.read_bytes().partition(b"\n")[2])
        for chunk in cut:
            for tweet in read_chunk(path, chunk).tweets:
                assert FIRST <= tweet.day <= LAST
                assert tweet.tag in (-1, 0, 1, None)
                tweet.text.encode()

    read_or_refused(read, path)


@examples(300)
@given(st.text() | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?([+-][0-9:]{0,5}|Z)?"))
def test_dates(text: str) -> None:
    (day,) = utc_days([text]).days
    assert day is None or str(day) == "NaT" or FIRST <= day.date() <= LAST
    if len(text) == 10 and text.isascii():
        try:
            plain = date.fromisoformat(text)
        except ValueError:
            plain = None
        assert (day.date() if str(day) != "NaT" else None) == (plain if plain and FIRST <= plain <= LAST else None)


texts = st.text(
    st.characters() | st.sampled_from("'\u2019`-!?.: \n#@\u0131\u0130\xdf\u017f\u200d\ud800\udfff")
) | st.sampled_from(["a" * 100_000, "!" * 10_000, "don\u2019t " * 5_000, "\n" * 10_000])


@examples(100)
@given(text=texts, order=st.sampled_from(["lowercase_first", "paper"]), stem=st.booleans())
def test_words_of_any_text(text: str, order: str, stem: bool) -> None:
    split = make_word_splitter(PreprocessSettings(order=order, stem=stem))
    for word in within_limits(lambda: list(split(text))):
        assert word.isascii()
        assert word.isalnum()


@examples(100)
@given(text=texts, prepare=st.sampled_from(PREPARATIONS))
def test_scores_of_any_text(text: str, prepare: str) -> None:
    assert -1 <= within_limits(lambda: compound(prepared(text, prepare))) <= 1
