"""Daily prices from Yahoo Finance, by yfinance."""

import atexit
import datetime
import functools
import logging
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from datamodules.errors import DataError
from datamodules.files import replacing
from datamodules.market.layout import COLUMNS, ONE_DAY, Span


def fetch(symbol: str, span: Span, path: Path, by_hand: Path) -> None:
    """Write the prices of a span in Yahoo's layout, below a comment with the date of retrieval.

    Args:
        symbol: such as "^GSPC".
        span: both ends included, and over.
        path: the file, which appears whole or not at all.
        by_hand: where a file from elsewhere would be used instead; for the error message.

    Raises:
        DataError: offline, refused or unknown there; says what else can be done.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        frame, complaints = _ask(symbol, span)
    except Exception as error:  # yfinance raises what its HTTP client, its parser and pandas raise
        raise _failure(symbol, span, str(error) or type(error).__name__, by_hand) from error
    if not frame.empty:
        frame = frame[pd.DatetimeIndex(frame.index).date <= span.end]  # Yahoo may add today so far
    if frame.empty:  # yfinance's usual answer when it is offline or refused
        raise _failure(symbol, span, complaints[-1] if complaints else "an empty answer", by_hand)
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        file.write(f"# {symbol} from Yahoo Finance, retrieved {datetime.date.today()}\n")
        frame.to_csv(file, date_format="%Y-%m-%d")  # the day in the exchange's own time zone


@functools.cache
def _scratch() -> str:
    """A folder for yfinance's notes on time zones. By itself it takes one in the user's home; it never changes it."""
    folder = tempfile.mkdtemp(prefix="lstm-cs-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _ask(symbol: str, span: Span) -> tuple[pd.DataFrame, list[str]]:
    import yfinance

    yfinance.set_tz_cache_location(_scratch())
    with _overheard() as complaints:
        # Of a Ticker, not `yfinance.download`, whose columns have two levels. Unadjusted, as the paper's six
        # columns are; the end is exclusive here.
        frame = yfinance.Ticker(symbol).history(
            start=str(span.start), end=str(span.end + ONE_DAY), auto_adjust=False, actions=False
        )
    return frame, complaints


@contextmanager
def _overheard() -> Iterator[list[str]]:
    """What yfinance would print, as a list; and none of its warnings, which are about its own code."""
    said: list[str] = []

    def listen(record: logging.LogRecord) -> bool:
        said.append(record.getMessage())
        return False

    logger = logging.getLogger("yfinance")
    logger.addFilter(listen)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=DeprecationWarning, module="yfinance")
            yield said
    finally:
        logger.removeFilter(listen)


def _failure(symbol: str, span: Span, reason: str, by_hand: Path) -> DataError:
    reason = " ".join(reason.split()).split(". See ")[0].rstrip(".")
    return DataError(
        f"Yahoo Finance gave no prices of {symbol} for {span} ({reason}): put {by_hand.name}, with columns "
        f"{','.join(('Date', *COLUMNS))}, into {by_hand.parent.resolve()} by hand, or use source=synthetic."
    )
