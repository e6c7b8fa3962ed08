"""Prices and sentiment of a feature set, joined and audited: everything that is known before windows are cut."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd
from hydra.utils import instantiate
from omegaconf import DictConfig

from datamodules.errors import DataError
from datamodules.market import synthetic
from datamodules.market.audit import Audit, audit
from datamodules.market.controls import ANNOUNCEMENTS, apply_control
from datamodules.market.panel import MESSAGES, SENTIMENT, Panel, assemble_panel
from datamodules.market.prices import DailyPrices, load_prices
from datamodules.market.yahoo_layout import MARKETS, DateRange
from datamodules.sentiment import DailySeries, Folders, PriceSign, SentimentSource

PRICE_SOURCES = ("yahoo", "synthetic")


class MarketData(NamedTuple):
    """The panel that windows are cut from, and what is known about it.

    Attributes:
        panel: features and closes; in a control experiment, its sentiment is the replaced one.
        report: lines for the user: sources of the data, audit, number of days.
        sentiment: name of the sentiment series; None without sentiment.
        messages: name of the series of numbers of messages; None without.
        audit: audit of the sentiment in the panel; None without sentiment.
        synthetic: whether the prices are made up.
    """

    panel: Panel
    report: list[str]
    sentiment: str | None
    messages: str | None
    audit: Audit | None
    synthetic: bool


def load_market_data(config: DictConfig) -> MarketData:
    """Read or download prices and sentiment, join them, apply a control experiment if there is one, and audit.

    Args:
        config: source ("yahoo" or "synthetic"), start, end, features.series, sentiment, messages, target, control,
            horizon, seed, data_dir, cache_dir.

    Raises:
        DataError: a file is missing and cannot be downloaded, or is broken; `source` is neither; or there is a control
            but no sentiment.
    """
    if config.source not in PRICE_SOURCES:
        raise DataError(f"source={config.source}: choose {' or '.join(PRICE_SOURCES)}.")
    span = DateRange.parse(config.start, config.end)
    made_up = config.source == "synthetic"
    folders = Folders(Path(config.data_dir), Path(config.cache_dir))
    daily = synthetic.prices(span) if made_up else _load_markets(span, folders.data_dir)
    frames = {market: prices.frame for market, prices in daily.items()}
    report = list(dict.fromkeys(prices.note for prices in daily.values()))

    sentiment, messages = (
        load(config, folders, frames["btc"], made_up) if name in config.features.series else None
        for name, load in ((SENTIMENT, _load_sentiment), (MESSAGES, _load_messages))
    )
    report += [series.note for series in (sentiment, messages) if series is not None]
    counted = None if messages is None else messages.name
    panel, filled = assemble_panel(
        frames,
        None if sentiment is None else sentiment.values,
        config.features.series,
        None if messages is None else messages.values,
        config.get("target", "close"),  # a record of a forecast of closes does not say so
    )
    panel = apply_control(panel, config.control, config.horizon, config.seed)
    if sentiment is None:
        return MarketData(panel, [*report, _days(panel, filled)], None, counted, None, made_up)

    lines, audited = _audited(config.control, sentiment, panel, frames["btc"]["Close"])
    return MarketData(panel, [*report, *lines, _days(panel, filled)], sentiment.name, counted, audited, made_up)


def _audited(control: str | None, sentiment: DailySeries, panel: Panel, close: pd.Series) -> tuple[list[str], Audit]:
    """The audit of the sentiment that is used, which a control experiment replaces, and the lines to report."""
    if control is None:
        found = audit(sentiment.values, close)
        return [found.sentence(sentiment.name)], found
    found = audit(panel.features[SENTIMENT], close)
    return [ANNOUNCEMENTS[control], found.sentence(f"{sentiment.name} with control={control}")], found


def _load_markets(span: DateRange, data_dir: Path) -> dict[str, DailyPrices]:
    return {market: load_prices(market, span, data_dir) for market in MARKETS}


def _load_sentiment(config: DictConfig, folders: Folders, btc: pd.DataFrame, made_up: bool) -> DailySeries:
    source: SentimentSource = instantiate(config.sentiment)
    if made_up and not isinstance(source, PriceSign):  # a real mood has no relation to made-up prices
        note = f"SYNTHETIC: sentiment is made up as well, sentiment={config.sentiment.name} is not read."
        return DailySeries("synthetic", synthetic.sentiment(btc), note)
    return source.load(folders, btc)


def _load_messages(config: DictConfig, folders: Folders, btc: pd.DataFrame, made_up: bool) -> DailySeries:
    if made_up:  # real messages have no relation to made-up prices
        note = f"SYNTHETIC: the numbers of messages are made up as well, messages={config.messages.name} is not read."
        return DailySeries("synthetic", synthetic.messages(btc), note)
    source: SentimentSource = instantiate(config.messages)
    found = source.load(folders, btc)
    if (below := found.values < 0).any():  # their logarithm would be no number
        raise DataError(
            f"messages={config.messages.name}: {found.values[below].iloc[0]:g} messages on {below.idxmax():%Y-%m-%d} "
            "cannot be: name a column of numbers with messages.column=..."
        )
    return found._replace(note=found.note.replace("Sentiment ", "Messages ", 1))


def _daily(panel: Panel) -> str:
    """The daily series of a panel, beside prices: "sentiment", "messages" or "sentiment or messages"."""
    return " or ".join(name for name in (SENTIMENT, MESSAGES) if name in panel.features)


def _days(panel: Panel, filled: int) -> str:
    days = panel.close.index
    line = (
        f"{len(days):,} days on which all markets trade, {days[0]:%Y-%m-%d} to {days[-1]:%Y-%m-%d}, "
        f"with {panel.features.shape[1]} features."
    )
    return line + (f" {filled:,} of them have no {_daily(panel)} of their own and keep the last one." if filled else "")
