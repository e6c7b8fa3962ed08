"""Downloading daily prices from Yahoo Finance with yfinance."""

import atexit
import datetime
import functools
import logging
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from datamodules.errors import DataError
from datamodules.files import replacing
from datamodules.market.yahoo_layout import COLUMNS, ONE_DAY, DateRange


def fetch_prices(symbol: str, span: DateRange, path: Path, by_hand: Path, check: Callable[[Path], object]) -> None:
    """Download prices to a CSV file in Yahoo's layout, with the date of retrieval as a comment in its first line.

    Args:
        symbol: such as "^GSPC".
        span: days that are over.
        path: the file to write; it appears whole and checked, or not at all.
        by_hand: path at which a file from another source would be used; for the error message.
        check: raises a DataError if the prices in a file are impossible.

    Raises:
        DataError: offline, refused, an unknown symbol or impossible prices; says what to do instead.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        frame, complaints = _history(symbol, span)
    except Exception as error:  # yfinance lets errors of its HTTP client, its parser and pandas through
        raise _failure("no", symbol, span, str(error) or type(error).__name__, by_hand) from error
    if not frame.empty:
        frame = frame[pd.DatetimeIndex(frame.index).date <= span.end]  # Yahoo may add the unfinished day
    if frame.empty:  # yfinance's usual result when it is offline or refused
        raise _failure("no", symbol, span, complaints[-1] if complaints else "an empty answer", by_hand)
    with replacing(path) as temporary:
        with open(temporary, "w", encoding="utf-8", newline="") as file:
            file.write(f"# {symbol} from Yahoo Finance, retrieved {datetime.date.today()}\n")
            frame.to_csv(file, date_format="%Y-%m-%d")  # the day in the exchange's own time zone
        try:
            check(temporary)
        except DataError as error:
            faults = str(error).removeprefix(f"{temporary}: ").replace(str(temporary), path.name)
            faults = faults.split("; correct these")[0]
            raise _failure("impossible", symbol, span, f"{faults}; they were not kept", by_hand) from error


@functools.cache
def _cache_folder() -> str:
    """A temporary folder for yfinance's cache of time zones, which would otherwise be in the user's home."""
    folder = tempfile.mkdtemp(prefix="lstm-cs-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _history(symbol: str, span: DateRange) -> tuple[pd.DataFrame, list[str]]:
    import yfinance

    yfinance.set_tz_cache_location(_cache_folder())
    with _captured_log() as complaints:
        # Not `yfinance.download`, whose columns have two levels. Prices are not adjusted, as in the paper; `end` is
        # exclusive here.
        frame = yfinance.Ticker(symbol).history(
            start=str(span.start), end=str(span.end + ONE_DAY), auto_adjust=False, actions=False
        )
    return frame, complaints


@contextmanager
def _captured_log() -> Iterator[list[str]]:
    """Collect what yfinance logs instead of printing it, and silence deprecation warnings about its own code."""
    messages: list[str] = []

    def collect(record: logging.LogRecord) -> bool:
        messages.append(record.getMessage())
        return False

    logger = logging.getLogger("yfinance")
    logger.addFilter(collect)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=DeprecationWarning, module="yfinance")
            yield messages
    finally:
        logger.removeFilter(collect)


def _failure(which: str, symbol: str, span: DateRange, reason: str, by_hand: Path) -> DataError:
    reason = " ".join(reason.split()).split(". See ")[0].rstrip(".")
    return DataError(
        f"Yahoo Finance gave {which} prices of {symbol} for {span} ({reason}): put {by_hand.name}, with columns "
        f"{','.join(('Date', *COLUMNS))}, into {by_hand.parent.resolve()} by hand, or use source=synthetic."
    )
