"""Daily prices in Yahoo's layout: read, checked, cut to a range of days, and joined over the markets."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from datamodules.csv_files import LARGEST, read_table
from datamodules.days import utc_days
from datamodules.errors import DataError, excerpt
from datamodules.market.two_levels import one_level
from datamodules.market.yahoo_layout import (
    COLUMNS,
    MARKETS,
    ONE_DAY,
    PRICE_COLUMNS,
    DateRange,
    Instrument,
    by_hand,
    downloaded,
)

SHOWN = 3  # faults or gaps listed in one message


class DailyPrices(NamedTuple):
    """Checked prices of one market.

    Attributes:
        frame: `[days, 6]` float64, COLUMNS, prices in dollars or index points; index of days, in rising order.
        note: a line for the user: the source of the prices, and what was dropped or missing.
    """

    frame: pd.DataFrame
    note: str


def load_prices(market: str, span: DateRange, data_dir: Path) -> DailyPrices:
    """Read the prices of one of MARKETS, or download them from Yahoo.

    `data_dir/market/BTC-USD.csv` is used as it is. If it is missing, Yahoo's prices are downloaded, checked and kept
    as `data_dir/market/BTC-USD_START_END.csv`. This file has only days that are over: END is yesterday at the latest,
    so that tomorrow the same range is downloaded again.

    Raises:
        DataError: there is neither a file nor a network, the file is broken, or it has no row in the range.
    """
    return load_symbol(MARKETS[market], span, data_dir)


def load_symbol(instrument: Instrument, span: DateRange, data_dir: Path) -> DailyPrices:
    """Read the prices of a symbol of Yahoo's, or download them, see `load_prices`."""
    symbol = instrument.symbol
    path = data_dir / "market" / by_hand(symbol)
    if not path.exists():
        kept = path.with_name(downloaded(symbol, span))
        if not kept.exists():
            from datamodules.market import yahoo  # takes a second to import

            over = span.over
            yahoo.fetch_prices(symbol, over, kept, path, lambda answer: _checked(answer, over, instrument))
        path = kept
    return _checked(path, span, instrument)


def _checked(path: Path, span: DateRange, instrument: Instrument) -> DailyPrices:
    symbol, longest_pause = instrument
    frame, notes = read_prices(path, symbol)
    return check_prices(frame, span, path, longest_pause, notes)


class PriceFile(NamedTuple):
    """The content of a price file, not yet checked.

    Attributes:
        frame: float64, COLUMNS; index of days, in the file's order.
        notes: phrases for the user: the comment in the file's first line, the number of those below the header, and
            times that were converted.
    """

    frame: pd.DataFrame
    notes: list[str]


def read_prices(path: Path, symbol: str | None = None) -> PriceFile:
    """Read a CSV file with the columns Date, Open, High, Low, Close, Adj Close, Volume; see `read_table`.

    Newer exports have no Adj Close. It equals Close for the three markets, which pay no dividends. A header of two
    levels, as `yfinance.download` gives it, is read as well.

    Args:
        path: of the file.
        symbol: the ticker that such a header should name; None: any.

    Raises:
        DataError: the header names another ticker, a column is missing, or a value is neither a number nor empty; names
            date and column.
    """
    table = one_level(read_table(path), symbol)
    missing = [column for column in ("Date", *COLUMNS) if column not in table.names and column != "Adj Close"]
    if missing:
        raise DataError(
            f"{path} has no column {' or '.join(missing)}: Yahoo's layout is Date,{','.join(COLUMNS)}, "
            f"this file's is {excerpt(','.join(table.names))}."
        )
    texts = table.texts(["Date", *(column for column in COLUMNS if column in table.names)])
    texts.setdefault("Adj Close", texts["Close"])
    dates = texts["Date"]
    days, notes = utc_days(dates)
    _refuse(
        path,
        [
            f"{excerpt(text or 'nothing')} is not a date (column Date)"
            for text, wrong in zip(dates, days.isna(), strict=True)
            if wrong
        ],
    )
    values = pd.DataFrame({column: texts[column] for column in COLUMNS}, days.rename("Date"), dtype=object)
    frame = values.apply(pd.to_numeric, errors="coerce").astype(float)
    _refuse(path, _where(values.notna() & ~np.isfinite(frame), values, "is not a number"))
    _refuse(path, _where(frame.abs() > LARGEST, values, "is too large to be true"))
    return PriceFile(frame, [*([table.comment] if table.comment else []), *table.notes, *notes])


def check_prices(
    frame: pd.DataFrame, span: DateRange, path: Path, longest_pause: int, notes: Sequence[str] = ()
) -> DailyPrices:
    """Cut prices to a range of days, drop rows without any price, refuse impossible values, and note the gaps.

    Args:
        frame: made by `read_prices`.
        span: the range of days.
        path: path of the file, for messages.
        longest_pause: days between two rows that are not a gap.
        notes: of `read_prices`.

    Raises:
        DataError: a day twice, a row that lacks some of its values, a price of 0 or less, a negative volume, a High
            below the Low, or a Close outside of the two (each with date and column); or no row in the range.
    """
    frame = frame.sort_index().loc[pd.Timestamp(span.start) : pd.Timestamp(span.end)]
    twice = frame.index[frame.index.duplicated()].unique()
    _refuse(path, [f"{day:%Y-%m-%d} occurs twice (column Date)" for day in twice])
    empty = frame[list(PRICE_COLUMNS)].isna().all(axis=1)  # Yahoo has such rows for DX-Y.NYB on Sundays
    frame = frame[~empty]
    if frame.empty:
        raise DataError(f"{path} has no prices from {span}: choose other values of start and end.")
    _refuse(path, list(_impossible(frame)))
    phrases = [*notes, *_dropped(int(empty.sum())), *_missing(_gaps(frame.index, span, longest_pause))]
    days = f"{len(frame):,} days, {frame.index[0]:%Y-%m-%d} to {frame.index[-1]:%Y-%m-%d}"
    return DailyPrices(frame, f"{', '.join([f'{path.name}: {days}', *phrases])}.")


def join_markets(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Join prices on the days on which all markets trade; columns are named such as "btc Close".

    Raises:
        DataError: there is no such day.
    """
    named = [frame.add_prefix(f"{market} ") for market, frame in frames.items()]
    joined = pd.concat(named, axis=1, join="inner")
    if joined.empty:
        raise DataError(f"there is no day on which {', '.join(frames)} all have prices.")
    return joined


def _impossible(frame: pd.DataFrame) -> Iterator[str]:
    yield from _where(frame.isna(), frame, "is a gap in a row that has other values")
    prices = frame[list(PRICE_COLUMNS)]
    yield from _where(prices <= 0, prices, "is not a price")
    yield from _where(frame[["Volume"]] < 0, frame[["Volume"]], "is negative")
    for column, other in (("High", "Low"), ("High", "Close"), ("Close", "Low")):
        bound = frame[[other]].set_axis([column], axis=1)
        yield from _where(frame[[column]] < bound, frame[[column]], f"is below that day's {other}")


def _where(wrong: pd.DataFrame, values: pd.DataFrame, what: str) -> list[str]:
    """A phrase with date and column for each cell of `values` that is true in `wrong`, a table of the same shape."""
    return [
        f"on {wrong.index[row]:%Y-%m-%d} {wrong.columns[column]} {excerpt(str(values.iat[row, column]))} {what}"
        for row, column in np.argwhere(wrong.to_numpy())
    ]


def _refuse(path: Path, faults: list[str]) -> None:
    if faults:
        more = f" and {len(faults) - SHOWN} more faults" if len(faults) > SHOWN else ""
        raise DataError(f"{path}: {'; '.join(faults[:SHOWN])}{more}; correct these rows or remove them.")


def _gaps(days: "pd.Index[pd.Timestamp]", span: DateRange, longest_pause: int) -> list[str]:
    """Phrases for the stretches without a row that are longer than `longest_pause`; those at the ends come first."""
    gaps = []
    if (days[0].date() - span.start + ONE_DAY).days > longest_pause:
        gaps.append(f"before {days[0]:%Y-%m-%d}")
    if (span.end - days[-1].date() + ONE_DAY).days > longest_pause:
        gaps.append(f"after {days[-1]:%Y-%m-%d}")
    pairs = itertools.pairwise(days)
    pauses = [(one, other) for one, other in pairs if (other - one).days > longest_pause]
    return gaps + [f"between {one:%Y-%m-%d} and {other:%Y-%m-%d}" for one, other in pauses]


def _dropped(rows: int) -> list[str]:
    return [f"{rows:,} rows without a price dropped"] if rows else []


def _missing(gaps: list[str]) -> list[str]:
    more = f" and in {len(gaps) - SHOWN} more gaps" if len(gaps) > SHOWN else ""
    return [f"no rows {', '.join(gaps[:SHOWN])}{more}"] if gaps else []
