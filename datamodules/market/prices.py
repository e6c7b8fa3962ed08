"""Daily prices in Yahoo's layout: read, checked, cut to a range of days, and joined over the markets."""

import datetime
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from datamodules.errors import DataError
from datamodules.market.yahoo_layout import COLUMNS, MARKETS, ONE_DAY, PRICE_COLUMNS, DateRange

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

    `data_dir/market/BTC-USD.csv` is used as it is. If it is missing, Yahoo's prices are downloaded and kept as
    `data_dir/market/BTC-USD_START_END.csv`. This file has only days that are over: END is yesterday at the latest, so
    that tomorrow the same range is downloaded again.

    Raises:
        DataError: there is neither a file nor a network, the file is broken, or it has no row in the range.
    """
    symbol, longest_pause = MARKETS[market]
    name = symbol.removeprefix("^")
    path = data_dir / "market" / f"{name}.csv"
    if not path.exists():
        over = _days_that_are_over(span)
        kept = path.with_name(f"{name}_{over.start}_{over.end}.csv")
        if not kept.exists():
            from datamodules.market import yahoo  # takes a second to import

            yahoo.fetch_prices(symbol, over, kept, by_hand=path)
        path = kept
    return check_prices(read_prices(path), span, path, longest_pause)


def _days_that_are_over(span: DateRange) -> DateRange:
    """The part of a range before today in UTC: Bitcoin's days end at midnight UTC, New York's before."""
    yesterday = datetime.datetime.now(datetime.timezone.utc).date() - ONE_DAY
    if yesterday < span.start:
        raise DataError(f"start={span.start}: no day since then is over, choose an earlier one.")
    return span._replace(end=min(span.end, yesterday))


def read_prices(path: Path) -> pd.DataFrame:
    """Read a CSV file with the columns Date, Open, High, Low, Close, Adj Close, Volume; # starts a comment.

    Newer exports have no Adj Close. It equals Close for the three markets, which pay no dividends.

    Raises:
        DataError: a column is missing, or a value is neither a number nor empty; names date and column.
    """
    try:
        raw = pd.read_csv(path, dtype=str, comment="#", na_values=["null"])
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as CSV: {error}.") from error
    if "Adj Close" not in raw and "Close" in raw:
        raw["Adj Close"] = raw["Close"]
    missing = [column for column in ("Date", *COLUMNS) if column not in raw]
    if missing:
        raise DataError(
            f"{path} has no column {' or '.join(missing)}: Yahoo's layout is Date,{','.join(COLUMNS)}, "
            f"this file's is {','.join(raw.columns)}."
        )
    # A date may be followed by a time and a zone, which are ignored.
    days = pd.to_datetime(raw["Date"].str[:10], format="%Y-%m-%d", errors="coerce")
    _refuse(path, [f"{text} is not a date (column Date)" for text in raw["Date"][days.isna()]])
    texts = raw[list(COLUMNS)].set_axis(days, axis=0)
    frame = texts.apply(pd.to_numeric, errors="coerce").astype(float)
    _refuse(path, _where(texts.notna() & ~np.isfinite(frame), texts, "is not a number"))
    return frame


def check_prices(frame: pd.DataFrame, span: DateRange, path: Path, longest_pause: int) -> DailyPrices:
    """Cut prices to a range of days, drop rows without any price, refuse impossible values, and note the gaps.

    Args:
        frame: made by `read_prices`.
        span: the range of days.
        path: path of the file, for messages.
        longest_pause: days between two rows that are not a gap.

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
    return DailyPrices(frame, _note(path, frame, int(empty.sum()), _gaps(frame.index, span, longest_pause)))


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
        f"on {wrong.index[row]:%Y-%m-%d} {wrong.columns[column]} {values.iat[row, column]!s} {what}"
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


def _note(path: Path, frame: pd.DataFrame, empty: int, gaps: list[str]) -> str:
    days = frame.index
    parts = [f"{path.name}: {len(days):,} days, {days[0]:%Y-%m-%d} to {days[-1]:%Y-%m-%d}"]
    with open(path, encoding="utf-8") as file:
        comment = file.readline()
    if comment.startswith("# "):  # written by yahoo.fetch_prices, with the date of retrieval
        parts.append(comment.removeprefix("# ").strip())
    if empty:
        parts.append(f"{empty:,} rows without a price dropped")
    if gaps:
        more = f" and in {len(gaps) - SHOWN} more gaps" if len(gaps) > SHOWN else ""
        parts.append(f"no rows {', '.join(gaps[:SHOWN])}{more}")
    return ", ".join(parts) + "."
