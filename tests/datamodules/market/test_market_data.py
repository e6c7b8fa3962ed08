"""Market data before windows: feature sets, sentiment, its audit, and control experiments."""

from pathlib import Path
from typing import Any

import pytest
from conftest import PROJECT
from hydra.utils import instantiate
from market_configs import config, config_of_fixtures
from omegaconf import OmegaConf

from datamodules.errors import DataError
from datamodules.market.market_data import load_market_data
from datamodules.sentiment import Folders

TABLES = {  # number of columns of each feature set in Tables 1-3
    "btc": 6, "btc_usd": 12, "btc_sent": 7, "btc_sp500": 12, "btc_usd_sent": 13, "btc_usd_sp500": 18,
    "btc_sent_sp500": 13, "btc_usd_sent_sp500": 19,
}  # fmt: skip
WITH_MESSAGES = {"btc_messages": 7, "btc_sent_messages": 8}
FEATURES = sorted({path.stem for path in (PROJECT / "conf" / "features").glob("*.yaml")} - {"csv", "symbols"})
SOURCES = [
    (group, path.stem)
    for group in ("sentiment", "messages")
    for path in sorted((PROJECT / "conf" / group).glob("*.yaml"))
]


def test_every_feature_set_of_the_tables_is_configured() -> None:
    assert set(FEATURES) == {*TABLES, *WITH_MESSAGES}


@pytest.mark.parametrize("features", FEATURES)
def test_feature_sets_have_as_many_columns_as_in_the_tables(features: str) -> None:
    assert load_market_data(config(features)).panel.features.shape == (522, {**TABLES, **WITH_MESSAGES}[features])


@pytest.mark.parametrize(("kind", "name"), SOURCES)
def test_every_daily_series_has_the_name_of_its_file_and_reports_missing_data_in_one_sentence(
    kind: str, name: str, tmp_path: Path
) -> None:
    group = OmegaConf.load(PROJECT / "conf" / kind / f"{name}.yaml")
    assert group.name == name
    for key in OmegaConf.missing_keys(group):
        OmegaConf.update(group, key, "missing")
    if group.get("url"):
        assert group.url.endswith("/" + Path(group.file).name)
        assert len(group.hash) == len("sha256:") + 64
        group.url = "http://127.0.0.1:9/" + group.file  # nobody listens there
    source = instantiate(group)
    if name != "price_sign":
        with pytest.raises(DataError, match=r"missing|could not be downloaded") as error:
            source.load(Folders(tmp_path, tmp_path), None)
        assert "\n" not in str(error.value)


def test_a_synthetic_market_says_so_and_needs_no_file() -> None:
    data = load_market_data(config())
    assert data.synthetic
    assert data.sentiment == "synthetic"
    assert data.report[0].startswith("SYNTHETIC: these prices are made up")
    assert "sentiment=reddit is not read" in data.report[1]
    assert data.audit is not None
    assert not data.audit.looks_like_the_price


def test_feature_sets_without_sentiment_do_not_read_it(tmp_path: Path) -> None:
    data = load_market_data(config_of_fixtures(tmp_path, features="btc_usd_sp500", **{"sentiment.file": "missing"}))
    assert data.audit is None
    assert data.sentiment is None


def test_a_leaking_series_is_reported() -> None:
    data = load_market_data(config(sentiment="price_sign"))
    assert any(line.startswith("WARNING: sentiment price_sign looks like the price") for line in data.report)
    assert data.audit is not None
    assert data.audit.by_lag[0].same_sign == 1


def test_controls_are_reported_and_the_replaced_sentiment_is_audited() -> None:
    plain = load_market_data(config(sentiment="price_sign"))
    leak = load_market_data(config(sentiment="price_sign", control="leak"))
    shuffled = load_market_data(config(sentiment="price_sign", control="shuffled"))
    for data, announced in ((plain, 0), (leak, 1), (shuffled, 1)):
        assert sum(line.startswith("CONTROL: control=") for line in data.report) == announced
    assert leak.audit is not None
    assert shuffled.audit is not None
    # It is the sign of tomorrow's change, not of the same day's as in the tag.
    assert leak.audit.by_lag[1].same_sign > 0.75
    assert abs(leak.audit.by_lag[0].same_sign - 0.5) < 0.1
    assert any("price_sign with control=leak looks like the price" in line for line in leak.report)
    assert any("price_sign with control=shuffled does not look like" in line for line in shuffled.report)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"source": "bloomberg"}, "source=bloomberg: choose yahoo or synthetic"),
        ({"start": "yesterday"}, "start=yesterday: write a date"),
        ({"control": "leek"}, "control=leek: choose shuffled or leak"),
    ],
)
def test_mistakes_in_the_configuration_are_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_market_data(config(**changed))


@pytest.mark.parametrize("messages", ["reddit", "reddit_posts", "stocktwits"])
def test_real_numbers_of_messages_are_the_pinned_ones(shared_data: Path, messages: str) -> None:
    made = config("btc_messages", source="yahoo", start="2014-12-01", end="2019-11-22", data_dir=shared_data)
    made.messages = OmegaConf.load(PROJECT / "conf" / "messages" / f"{messages}.yaml")
    found = load_market_data(made)
    assert found.messages == messages
    (line,) = [line for line in found.report if line.startswith(f"Messages {messages}: 'volume' of ")]
    assert "not the pinned version" not in line
    assert (found.panel.features["messages"] > 0).all()


@pytest.mark.parametrize("sentiment", ["reddit", "reddit_posts", "stocktwits"])
def test_real_sentiment_is_the_pinned_one_and_does_not_leak(shared_data: Path, sentiment: str) -> None:
    paper = {"source": "yahoo", "start": "2014-09-18", "end": "2019-11-23"}
    data = load_market_data(config(sentiment=sentiment, **paper, data_dir=shared_data))
    assert not any("pinned" in line for line in data.report)
    assert data.audit is not None
    assert not data.audit.looks_like_the_price
    assert data.panel.features.notna().all(axis=None)


def test_numbers_of_messages_below_zero_are_refused(tmp_path: Path) -> None:
    changed = {"messages.name": "csv", "messages.file": "market/mood.csv", "messages.column": "mood"}
    found = config_of_fixtures(tmp_path, features="btc_messages", **changed)
    with pytest.raises(DataError, match=r"^messages=csv: -0.2 messages on 2015-03-02 cannot be: name a column of"):
        load_market_data(found)
