"""Sources of daily sentiment that conf/sentiment/*.yaml name, and `python -m datamodules.sentiment FILE` for tweets."""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd

from datamodules.csv_files import LARGEST, read_table
from datamodules.days import utc_days
from datamodules.download import fetch
from datamodules.errors import DataError, excerpt
from datamodules.hashes import hash_of
from datamodules.tweets.daily_file import make_daily_file
from datamodules.tweets.prepare import PREPARATIONS, RAW


class Folders(NamedTuple):
    """The folder of the data, and the folder of files computed from them."""

    data_dir: Path
    cache_dir: Path


class DailySeries(NamedTuple):
    """A series with one number a day.

    Attributes:
        name: name of the series.
        values: float64; index of UTC days in rising order, possibly with gaps.
        note: a line for the user: the source of the values.
    """

    name: str
    values: pd.Series
    note: str


class SentimentSource(Protocol):
    """A source of daily sentiment, configured by conf/sentiment/*.yaml."""

    name: str

    def load(self, folders: Folders, btc: pd.DataFrame) -> DailySeries:
        """Read or compute the series.

        Args:
            folders: where to read, and where to keep computed files.
            btc: Bitcoin's prices on calendar days.
        """
        ...


UNNAMED = "csv"
"""The name that conf/sentiment/csv.yaml gives to a series if the user gives none."""


@dataclass(frozen=True)
class DailyCsv:
    """A column of a CSV file with one row a day.

    Args:
        name: name of the series; UNNAMED: use the name of its column.
        file: path in data_dir.
        column: name of the column.
        url: address from which a missing file is downloaded; None if there is none.
        hash: "sha256:..." of the file at that address.
    """

    name: str
    file: str
    column: str
    url: str | None = None
    hash: str | None = None

    def load(self, folders: Folders, btc: pd.DataFrame) -> DailySeries:
        """Read the column.

        Raises:
            DataError: the file is missing and cannot be downloaded, or is broken.
        """
        path = folders.data_dir / self.file
        official = self.url is not None and self.url.endswith(f"/{path.name}")  # false for another sentiment.file=...
        if not path.exists():
            if self.url is None or not official:
                raise DataError(f"{path} is missing: put it there, or name another with sentiment.file=...")
            instead = "choose features without sentiment, or source=synthetic"
            fetch(self.url, path, self.hash, instead, lambda answer: read_daily_csv(answer, self.column))
        changed = official and self.hash is not None and hash_of(path, self.hash) != self.hash
        origin = f"{self.column!r} of {path.name}" + (", which is not the pinned version" if changed else "")
        name = self.column if self.name == UNNAMED else self.name
        values, notes = read_daily_csv(path, self.column)
        return DailySeries(name, values, f"Sentiment {name}: {', '.join([origin, *notes])}.")


@dataclass(frozen=True)
class Tweets:
    """The scores of tweets in one of the layouts of `kaggle_layouts`, averaged by day.

    Args:
        name: name of the series.
        file: path in data_dir.
        by: "vader" (compound scores) or "tag" (the file's own tags as +1, 0, -1, as the paper describes).
        prepare: one of `prepare.PREPARATIONS`; a series that is not of raw tweets has it in its name.
    """

    name: str
    file: str
    by: str
    prepare: str = RAW

    def load(self, folders: Folders, btc: pd.DataFrame) -> DailySeries:
        """Compute the daily means, or read them from the cache.

        Raises:
            DataError: see `make_daily_file`.
        """
        scored = make_daily_file(folders.data_dir / self.file, self.by, folders.cache_dir, prepare=self.prepare)
        name = self.name if self.prepare == RAW else f"{self.name}_{self.prepare}"
        return DailySeries(name, read_daily_csv(scored, "mean").values, f"Sentiment {name}: {tweet_counts(scored)}.")


@dataclass(frozen=True)
class TweetCounts:
    """The number of tweets of each day, retweets and repetitions among them.

    Args:
        name: name of the series.
        file: tweets in one of the layouts of `kaggle_layouts`, path in data_dir.
    """

    name: str
    file: str

    def load(self, folders: Folders, btc: pd.DataFrame) -> DailySeries:
        """Count, or read from the cache; the tweets are scored on the way, for sentiment=vader.

        Raises:
            DataError: see `make_daily_file`.
        """
        scored = make_daily_file(folders.data_dir / self.file, "vader", folders.cache_dir)
        values = read_daily_csv(scored, "tweets").values + read_daily_csv(scored, "duplicates").values
        return DailySeries(self.name, values, f"Messages {self.name}: {tweet_counts(scored)}.")


@dataclass(frozen=True)
class PriceSign:
    """The sign of each day's change of Bitcoin's close, which the Kaggle file's tag seems to be. It leaks by design.

    Args:
        name: name of the series.
    """

    name: str

    def load(self, folders: Folders, btc: pd.DataFrame) -> DailySeries:
        """Compute sign(P_t - P_(t-1)) on calendar days."""
        sign = np.sign(btc["Close"].diff()).dropna()
        return DailySeries(self.name, sign, f"Sentiment {self.name}: rebuilt from Bitcoin's own prices.")


class DailyColumn(NamedTuple):
    """A column of a CSV file with one row a day.

    Attributes:
        values: float64; index of UTC days in rising order. Days without a value are left out.
        notes: phrases for the user on comments below the header and on times that were converted.
    """

    values: pd.Series
    notes: list[str]


def read_daily_csv(path: Path, column: str) -> DailyColumn:
    """Read a column of a CSV file by the day in its column `date`, see `read_table` and `utc_days`.

    Raises:
        DataError: there is no such file or column, or it is there twice; no value, a day twice, or a value that is not
            a number; names date and column.
    """
    table = read_table(path)
    table = replace(table, names=["date" if name.lower() == "date" else name for name in table.names])
    texts = pd.DataFrame(table.texts(["date", column]), dtype=object)
    days, notes = utc_days(texts["date"])
    values = pd.to_numeric(texts[column], errors="coerce").astype(float)
    for wrong, fault in (
        (days.isna(), "the date is not such as 2014-09-18"),
        (days.duplicated(), "this date occurs twice"),
        (texts[column].notna() & ~np.isfinite(values), f"{column!r} is not a number"),
        (values.abs() > LARGEST, f"{column!r} is too large to be true"),
    ):
        if wrong.any():
            day, value = (excerpt(str(texts[name][wrong].iloc[0])) for name in ("date", column))
            raise DataError(f"{path}, date {day}, value {value}: {fault}; correct or remove this row.")
    if values.isna().all():
        raise DataError(f"{path} has no value in its column {column!r}: name another with sentiment.column=...")
    by_day = values.set_axis(days.rename("date")).dropna().sort_index()
    return DailyColumn(by_day.rename(column), [*table.notes, *notes])


def tweet_counts(scored: Path) -> str:
    """The numbers of tweets in the first line of a file that `make_daily_file` wrote."""
    with open(scored, encoding="utf-8") as file:
        return file.readline().removeprefix("# ").strip()


def main() -> None:
    """Score the tweets of a file and average the scores by day. An interrupted run resumes where it stopped."""
    parser = argparse.ArgumentParser(prog="python -m datamodules.sentiment", description=main.__doc__)
    parser.add_argument("file", type=Path, help="tweets in the layout of mbsa.csv or tweets.csv, or with Date,text")
    parser.add_argument("--by", choices=["vader", "tag"], default="vader", help="scores to average [vader]")
    parser.add_argument("--prepare", choices=PREPARATIONS, default=RAW, help="of texts before VADER [raw]")
    parser.add_argument("--cost", action="store_true", help="print what the paper's preparation changes, and stop")
    parser.add_argument("--cache-dir", type=Path, default=Path(".cache"), help="folder for the result [.cache]")
    parser.add_argument("--processes", type=int, help="number of processes [one for each core, up to 12]")
    given = parser.parse_args()
    from conf.mistakes import one_line_errors  # not above: workers import this module, but do not need Hydra
    from conf.pipes import until_nobody_reads

    with one_line_errors("Interrupted; the same command resumes."), until_nobody_reads():
        if given.cost:
            from datamodules.tweets.preparation_cost import as_text, preparation_cost

            print(as_text(preparation_cost(given.file)))
            return
        scored = make_daily_file(given.file, given.by, given.cache_dir, given.processes, prepare=given.prepare)
        print(f"{tweet_counts(scored)}\n{scored}")


if __name__ == "__main__":
    main()
