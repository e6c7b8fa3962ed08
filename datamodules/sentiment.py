"""Daily sentiment: the kinds of series that a run can use, and `python -m datamodules.sentiment FILE` for tweets."""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd

from datamodules.download import fetch, hash_of
from datamodules.errors import DataError
from datamodules.tweets.scoring import daily_file


class Places(NamedTuple):
    """Where data lie, and where what was computed from them is kept."""

    data_dir: Path
    cache_dir: Path


class Series(NamedTuple):
    """One number a day.

    Attributes:
        name: of the series.
        values: float64; index of UTC days, rising, not necessarily all of them.
        note: where they come from, in one line.
    """

    name: str
    values: pd.Series
    note: str


class Sentiment(Protocol):
    """A kind of sentiment, as conf/sentiment/*.yaml configure it."""

    name: str

    def load(self, places: Places, btc: pd.DataFrame) -> Series:
        """The series; `btc` are Bitcoin's prices on calendar days."""
        ...


UNNAMED = "csv"
"""What conf/sentiment/csv.yaml calls a series to which the user gives no name."""


@dataclass(frozen=True)
class DailyCsv:
    """A column of a CSV file with one row a day.

    Args:
        name: of the series; UNNAMED: that of its column.
        file: below data_dir.
        column: which.
        url: where the file is downloaded from if it is missing; None: nowhere.
        hash: "sha256:..." of that download.
    """

    name: str
    file: str
    column: str
    url: str | None = None
    hash: str | None = None

    def load(self, places: Places, btc: pd.DataFrame) -> Series:
        """The column.

        Raises:
            DataError: the file is missing and cannot be fetched, or is broken.
        """
        path = places.data_dir / self.file
        official = self.url is not None and self.url.endswith(f"/{path.name}")  # not with another sentiment.file=...
        if not path.exists():
            if self.url is None or not official:
                raise DataError(f"{path} is missing: put it there, or name another with sentiment.file=...")
            fetch(self.url, path, self.hash, "choose features without sentiment, or source=synthetic")
        changed = official and self.hash is not None and hash_of(path, self.hash) != self.hash
        origin = f"{self.column!r} of {path.name}" + (", which is not the pinned version" if changed else "")
        name = self.column if self.name == UNNAMED else self.name
        return Series(name, read_daily(path, self.column), f"Sentiment {name}: {origin}.")


@dataclass(frozen=True)
class Tweets:
    """Tweets of a file in one of the two Kaggle layouts, averaged over each day.

    Args:
        name: of the series.
        file: below data_dir.
        by: "vader" (compound scores) or "tag" (the file's own tags as +1, 0, -1, which is what the paper says).
    """

    name: str
    file: str
    by: str

    def load(self, places: Places, btc: pd.DataFrame) -> Series:
        """The daily mean; scored once, then read from the cache.

        Raises:
            DataError: the file is missing or of no known layout.
        """
        scored = daily_file(places.data_dir / self.file, self.by, places.cache_dir)
        return Series(self.name, read_daily(scored, "mean"), f"Sentiment {self.name}: {counted(scored)}.")


@dataclass(frozen=True)
class PriceSign:
    """The sign of each day's change of Bitcoin's close: what the Kaggle file's tag seems to be. It leaks, by design.

    Args:
        name: of the series.
    """

    name: str

    def load(self, places: Places, btc: pd.DataFrame) -> Series:
        """sign(P_t - P_(t-1)) on calendar days."""
        sign = np.sign(btc["Close"].diff()).dropna()
        return Series(self.name, sign, f"Sentiment {self.name}: rebuilt from Bitcoin's own prices.")


def read_daily(path: Path, column: str) -> pd.Series:
    """A column of a CSV file by the day in its column `date`; days without a value are left out.

    Raises:
        DataError: no such file or column, no value, a day twice, or a value that is no number; names date and column.
    """
    try:
        table = pd.read_csv(path, dtype=str, comment="#")
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as CSV: {error}.") from error
    table.columns = ["date" if name.lower() == "date" else name for name in table.columns]
    if missing := {"date", column} - set(table.columns):
        raise DataError(f"{path} has no column {sorted(missing)[0]!r}: it has {', '.join(table.columns)}.")
    days = pd.to_datetime(table["date"].str[:10], format="%Y-%m-%d", errors="coerce")
    values = pd.to_numeric(table[column], errors="coerce")
    for wrong, what in (
        (days.isna(), "date is not such as 2014-09-18"),
        (days.duplicated(), "this date stands there twice"),
        (table[column].notna() & ~np.isfinite(values), f"{column!r} is no number"),
    ):
        if wrong.any():
            row = table[wrong].iloc[0]
            raise DataError(f"{path}, date {row['date']}, value {row[column]}: {what}; correct or remove this row.")
    if values.isna().all():
        raise DataError(f"{path} has no value in its column {column!r}: name another with sentiment.column=...")
    return values.astype(float).set_axis(days).dropna().sort_index().rename(column)


def counted(scored: Path) -> str:
    """What `daily_file` says of its result in the first line."""
    with open(scored, encoding="utf-8") as file:
        return file.readline().removeprefix("# ").strip()


def main() -> None:
    """Score the tweets of a file and average them over each day. A killed run goes on where it stopped."""
    parser = argparse.ArgumentParser(prog="python -m datamodules.sentiment", description=main.__doc__)
    parser.add_argument("file", type=Path, help="tweets in the layout of mbsa.csv or tweets.csv")
    parser.add_argument("--by", choices=["vader", "tag"], default="vader", help="what is averaged [vader]")
    parser.add_argument("--cache-dir", type=Path, default=Path(".cache"), help="keeps the result [.cache]")
    parser.add_argument("--processes", type=int, help="how many at a time [one for each core, up to 12]")
    given = parser.parse_args()
    try:
        scored = daily_file(given.file, given.by, given.cache_dir, given.processes)
    except DataError as error:
        sys.exit(f"Error: {error}")
    except KeyboardInterrupt:
        sys.exit("\nInterrupted; the same command goes on.")
    print(f"{counted(scored)}\n{scored}")


if __name__ == "__main__":
    main()
