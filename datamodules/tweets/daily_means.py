"""How the scores of all chunks become one row per day, with a bounded number of tweets in memory."""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from datamodules.tweets.tweet_scores import TweetScores

AT_ONCE = 2_000_000  # tweets in memory at a time
COUNTS = ("broken", "not_utf8", "converted", "assumed")  # of `ChunkContent`
NEUTRAL = 0.05  # a compound score closer to 0 is neutral, as VADER's authors recommend


class DailyMeans(NamedTuple):
    """The scores of all chunks, averaged.

    Attributes:
        table: a row for each day. Columns: mean; positive, negative, neutral (shares of the tweets); tweets; duplicates
            (not counted in the other columns).
        broken, not_utf8, converted, assumed: the sums of those of the chunks, see `ChunkContent`.
    """

    table: pd.DataFrame
    broken: int
    not_utf8: int
    converted: int
    assumed: int


def average_by_day(paths: list[Path]) -> DailyMeans:
    """Average the scores that `save_scores` wrote to `paths`.

    About AT_ONCE tweets are in memory at a time. A day with more tweets is read in parts by their keys, so that only a
    single text repeated more often than AT_ONCE on one day would exceed the limit.
    """
    rows: dict[int, int] = {}
    counts = Counter(dict.fromkeys(COUNTS, 0))
    for path in paths:
        with np.load(path) as chunk:
            counts.update({name: int(chunk[name]) for name in COUNTS})
            for day, count in zip(*np.unique(chunk["days"], return_counts=True), strict=True):
                rows[int(day)] = rows.get(int(day), 0) + int(count)
    if not rows:
        return DailyMeans(pd.DataFrame(), **counts)
    sums = pd.concat([_sums(paths, block) for block in _blocks(rows)]).groupby(level="date").sum()
    shares = ["mean", "positive", "negative", "neutral"]
    return DailyMeans(sums.assign(**sums[shares].div(sums["tweets"], axis=0)), **counts)


class _Block(NamedTuple):
    """The tweets of the days `first` to `last` for which key modulo `parts` equals `part`."""

    first: int
    last: int
    part: int = 0
    parts: int = 1


def _blocks(rows: dict[int, int]) -> Iterator[_Block]:
    """Ranges of days with at most AT_ONCE tweets, and about equal parts of single days with more."""
    first, held, last = min(rows), 0, min(rows)
    for day in sorted(rows):
        if held and held + rows[day] > AT_ONCE:
            yield from _divided(first, last, held)
            first, held = day, 0
        held += rows[day]
        last = day
    yield from _divided(first, last, held)


def _divided(first: int, last: int, held: int) -> Iterator[_Block]:
    parts = -(-held // AT_ONCE)
    return (_Block(first, last, part, parts) for part in range(parts))


def _sums(paths: list[Path], block: _Block) -> pd.DataFrame:
    """A row for each day of a block: the columns of `average_by_day` before division by the number of tweets."""
    chosen = []
    for path in paths:
        with np.load(path) as chunk:
            days = chunk["days"]
            within = (block.first <= days) & (days <= block.last) & (chunk["keys"] % block.parts == block.part)
            chosen.append(TweetScores(*(chunk[name][within] for name in TweetScores._fields)))
    days, keys, values = (np.concatenate(column) for column in zip(*chosen, strict=True))
    tweets = pd.DataFrame({"day": days, "key": keys, "mean": values.astype(float)})
    once = tweets.drop_duplicates(["day", "key"])
    once = once.assign(
        positive=once["mean"] >= NEUTRAL,
        negative=once["mean"] <= -NEUTRAL,
        neutral=once["mean"].abs() < NEUTRAL,
    )
    table = once.groupby("day")[["mean", "positive", "negative", "neutral"]].sum()
    table["tweets"] = once.groupby("day").size()
    table["duplicates"] = tweets.groupby("day").size() - table["tweets"]
    table.index = pd.Index([date.fromordinal(day).isoformat() for day in table.index], name="date")
    return table
