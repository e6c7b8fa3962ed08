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
from datamodules.market.panel import SENTIMENT, Panel, assemble_panel
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
        audit: audit of the sentiment in the panel; None without sentiment.
        synthetic: whether the prices are made up.
    """

    panel: Panel
    report: list[str]
    sentiment: str | None
    audit: Audit | None
    synthetic: bool


def load_market_data(config: DictConfig) -> MarketData:
    """Read or download prices and sentiment, join them, apply a control experiment if there is one, and audit.

    Args:
        config: source ("yahoo" or "synthetic"), start, end, features.series, sentiment, control, horizon, seed,
            data_dir, cache_dir.

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

    sentiment = None
    if SENTIMENT in config.features.series:
        sentiment = _load_sentiment(config.sentiment, folders, frames["btc"], made_up)
        report.append(sentiment.note)
    panel, filled = assemble_panel(frames, None if sentiment is None else sentiment.values, config.features.series)
    panel = apply_control(panel, config.control, config.horizon, config.seed)
    if sentiment is None:
        return MarketData(panel, [*report, _days(panel, filled)], None, None, made_up)

    used, name = sentiment.values, sentiment.name
    if config.control is not None:
        report.append(ANNOUNCEMENTS[config.control])
        used, name = panel.features[SENTIMENT], f"{name} with control={config.control}"
    audited = audit(used, frames["btc"]["Close"])
    report += [audited.sentence(name), _days(panel, filled)]
    return MarketData(panel, report, sentiment.name, audited, made_up)


def _load_markets(span: DateRange, data_dir: Path) -> dict[str, DailyPrices]:
    return {market: load_prices(market, span, data_dir) for market in MARKETS}


def _load_sentiment(config: DictConfig, folders: Folders, btc: pd.DataFrame, made_up: bool) -> DailySeries:
    source: SentimentSource = instantiate(config)
    if made_up and not isinstance(source, PriceSign):  # a real mood has no relation to made-up prices
        note = f"SYNTHETIC: sentiment is made up as well, sentiment={config.name} is not read."
        return DailySeries("synthetic", synthetic.sentiment(btc), note)
    return source.load(folders, btc)


def _days(panel: Panel, filled: int) -> str:
    days = panel.close.index
    line = (
        f"{len(days):,} days on which all markets trade, {days[0]:%Y-%m-%d} to {days[-1]:%Y-%m-%d}, "
        f"with {panel.features.shape[1]} features."
    )
    return line + (f" {filled:,} of them have no sentiment of their own and keep the last one." if filled else "")
