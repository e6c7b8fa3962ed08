"""Daily prices in Yahoo's layout: read, checked, cut to a span, and joined on the days on which all markets trade."""

import datetime
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from datamodules.errors import DataError
from datamodules.market.layout import COLUMNS, MARKETS, ONE_DAY, PRICES, Span

SHOWN = 3  # faults or gaps named in one message


class Daily(NamedTuple):
    """Checked prices.

    Attributes:
        frame: `[days, 6]` float64, in dollars or index points, and traded volume; index of days, rising.
        note: where they come from and what was found, in one line.
    """

    frame: pd.DataFrame
    note: str


def load(market: str, span: Span, data_dir: Path) -> Daily:
    """Prices of one of MARKETS within a span.

    `data_dir/market/BTC-USD.csv` is used as it is. Without it, Yahoo is asked, and its answer kept for the
    next time as `data_dir/market/BTC-USD_START_END.csv`. That has only days that are over: END is yesterday at the
    latest, so that the same span is asked for again tomorrow.

    Raises:
        DataError: neither file nor network, a broken file, or no row within the span.
    """
    symbol, longest_pause = MARKETS[market]
    name = symbol.removeprefix("^")
    path = data_dir / "market" / f"{name}.csv"
    if not path.exists():
        over = _over(span)
        kept = path.with_name(f"{name}_{over.start}_{over.end}.csv")
        if not kept.exists():
            from datamodules.market import yahoo  # takes a second to import

            yahoo.fetch(symbol, over, kept, by_hand=path)
        path = kept
    return check(read(path), span, path, longest_pause)


def _over(span: Span) -> Span:
    """The days of a span that are over in UTC, by which Bitcoin's days go; New York's markets have closed by then."""
    yesterday = datetime.datetime.now(datetime.timezone.utc).date() - ONE_DAY
    if yesterday < span.start:
        raise DataError(f"start={span.start}: no day since then is over, choose an earlier one.")
    return span._replace(end=min(span.end, yesterday))


def read(path: Path) -> pd.DataFrame:
    """A CSV file with the columns Date, Open, High, Low, Close, Adj Close, Volume; # starts a comment.

    Newer exports have no Adj Close; of the three series, which pay no dividend, it equals Close.

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
    # Of dates with a time and a zone, only the day.
    days = pd.to_datetime(raw["Date"].str[:10], format="%Y-%m-%d", errors="coerce")
    _refuse(path, [f"{text} is no date (column Date)" for text in raw["Date"][days.isna()]])
    texts = raw[list(COLUMNS)].set_axis(days, axis=0)
    frame = texts.apply(pd.to_numeric, errors="coerce").astype(float)
    _refuse(path, _where(texts.notna() & ~np.isfinite(frame), texts, "is no number"))
    return frame


def check(frame: pd.DataFrame, span: Span, path: Path, longest_pause: int) -> Daily:
    """Cut to the span, drop rows without any price, refuse what prices cannot be, and note the gaps.

    Args:
        frame: as `read` gives it.
        span: both ends included.
        path: of the file, for messages.
        longest_pause: days between two rows that are no gap.

    Raises:
        DataError: a day twice, a row with only some of its values, a price of 0 or less, a negative volume, a
            High below the Low, a Close outside of the two (each with date and column), or no row within the span.
    """
    frame = frame.sort_index().loc[pd.Timestamp(span.start) : pd.Timestamp(span.end)]
    twice = frame.index[frame.index.duplicated()].unique()
    _refuse(path, [f"{day:%Y-%m-%d} stands there twice (column Date)" for day in twice])
    empty = frame[list(PRICES)].isna().all(axis=1)  # Yahoo has such rows for DX-Y.NYB on Sundays
    frame = frame[~empty]
    if frame.empty:
        raise DataError(f"{path} has no prices from {span}: choose other values of start and end.")
    _refuse(path, list(_impossible(frame)))
    return Daily(frame, _note(path, frame, int(empty.sum()), _gaps(frame.index, span, longest_pause)))


def join(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One table of the days on which all markets trade, with columns such as "btc Close".

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
    prices = frame[list(PRICES)]
    yield from _where(prices <= 0, prices, "is no price")
    yield from _where(frame[["Volume"]] < 0, frame[["Volume"]], "is negative")
    for column, other in (("High", "Low"), ("High", "Close"), ("Close", "Low")):
        bound = frame[[other]].set_axis([column], axis=1)
        yield from _where(frame[[column]] < bound, frame[[column]], f"is below that day's {other}")


def _where(wrong: pd.DataFrame, values: pd.DataFrame, what: str) -> list[str]:
    """One phrase, with date and column, for each true cell of `wrong`, which has the shape of `values`."""
    return [
        f"on {wrong.index[row]:%Y-%m-%d} {wrong.columns[column]} {values.iat[row, column]!s} {what}"
        for row, column in np.argwhere(wrong.to_numpy())
    ]


def _refuse(path: Path, faults: list[str]) -> None:
    if faults:
        more = f" and {len(faults) - SHOWN} more faults" if len(faults) > SHOWN else ""
        raise DataError(f"{path}: {'; '.join(faults[:SHOWN])}{more}; correct these rows or remove them.")


def _gaps(days: "pd.Index[pd.Timestamp]", span: Span, longest_pause: int) -> list[str]:
    """Stretches of a span without a row that are longer than the market's usual pauses; those at its ends first."""
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
    if comment.startswith("# "):  # as yahoo.fetch writes it, with the date of retrieval
        parts.append(comment.removeprefix("# ").strip())
    if empty:
        parts.append(f"{empty:,} rows without a price dropped")
    if gaps:
        more = f" and in {len(gaps) - SHOWN} more gaps" if len(gaps) > SHOWN else ""
        parts.append(f"nothing {', '.join(gaps[:SHOWN])}{more}")
    return ", ".join(parts) + "."
