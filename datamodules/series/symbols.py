"""Markets of the user's choice: daily prices from Yahoo, joined on the days on which all trade."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from datamodules.errors import DataError
from datamodules.frequency import Frequency
from datamodules.market.panel import OwnSeries, Panel
from datamodules.market.prices import join_markets, load_symbol
from datamodules.market.yahoo_layout import COLUMNS, PRICE_COLUMNS, DateRange, Instrument

LONGEST_PAUSE = 5  # days; longer ones are reported


def load_symbols(
    symbols: Sequence[str], target: str, span: DateRange, data_dir: Path, season: int | None
) -> tuple[Panel, list[str]]:
    """The panel of some of Yahoo's symbols, whose target is the close of one, and lines for the user.

    Days are those on which all markets trade, one after the other: a weekend is no gap.

    Raises:
        DataError: the target is not among the symbols, or there are no prices of one.
    """
    if target not in symbols:
        raise DataError(f"series.target={target}: choose one of series.symbols=[{','.join(symbols)}].")
    markets = {symbol: Instrument(symbol, LONGEST_PAUSE) for symbol in symbols}
    daily = {symbol: load_symbol(instrument, span, data_dir) for symbol, instrument in markets.items()}
    table = join_markets({symbol: prices.frame for symbol, prices in daily.items()})
    on_weekends = bool((table.index.day_of_week >= 5).any())  # type: ignore[attr-defined]
    frequency = Frequency("D" if on_weekends else "B", 1, 0, 7 if on_weekends else 5)
    own = OwnSeries(
        names=("",),
        ids=np.zeros(len(table), np.int64),
        numbers=np.arange(len(table)),
        observed=np.ones(len(table), bool),
        frequency=frequency,
        season=frequency.season if season is None else season,
        log=True,
        prices=tuple(f"{symbol} {column}" for symbol in daily for column in PRICE_COLUMNS),
    )
    columns = [f"{symbol} {column}" for symbol in daily for column in COLUMNS]
    days = f"{len(table):,} days on which all markets trade, {table.index[0]:%Y-%m-%d} to {table.index[-1]:%Y-%m-%d}."
    return Panel(table[columns], table[f"{target} Close"], own=own), [*(prices.note for prices in daily.values()), days]
