"""Scores of tweets: what one piece of a tweet file gives, and how the pieces become one row a day."""

import hashlib
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from datamodules.files import replacing
from datamodules.tweets.layouts import Piece, Tweet
from datamodules.tweets.vader import compound

AT_ONCE = 2_000_000  # tweets in memory while merging
NEUTRAL = 0.05  # compound scores closer to 0 than this are neutral, as VADER's authors say

_RETWEET = re.compile(r"^(?:RT @\w+:? *)+", re.IGNORECASE)


class Scores(NamedTuple):
    """Some tweets, one element each.

    Attributes:
        days: int32, `date.toordinal()`.
        keys: uint64; of tweets with the same day and key only one counts.
        values: float32, -1 to 1, the same for the same key.
    """

    days: NDArray[np.int32]
    keys: NDArray[np.uint64]
    values: NDArray[np.float32]


def by_vader(tweets: list[Tweet]) -> Scores:
    """VADER's compound score. Retweets ("RT @name: ...") have the key of what they repeat, and its score."""
    texts = [_RETWEET.sub("", tweet.text) for tweet in tweets]
    values = {text: compound(text) for text in set(texts)}
    return _scores(tweets, [_key(text) for text in texts], [values[text] for text in texts])


def by_tag(tweets: list[Tweet], piece: Piece) -> Scores:
    """The file's own tags as -1, 0, +1; every row counts, as in the paper, so every key is another."""
    return _scores(tweets, [piece.start + row for row in range(len(tweets))], [tweet.tag for tweet in tweets])


def save(path: Path, scores: Scores, broken: int) -> None:
    """Write scores and the number of broken lines; the file is there whole or not at all."""
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, broken=broken, **scores._asdict())


def merge(paths: list[Path]) -> tuple[pd.DataFrame, int]:
    """One row for each day of what `save` wrote, and the number of all broken lines.

    Columns: mean; positive, negative, neutral (shares); tweets; duplicates (not counted in the others).

    Some AT_ONCE tweets are in memory at a time, those of longer days by their keys; more only if a single text is
    repeated more often than that on one day.
    """
    rows: dict[int, int] = {}
    broken = 0
    for path in paths:
        with np.load(path) as piece:
            broken += int(piece["broken"])
            for day, count in zip(*np.unique(piece["days"], return_counts=True), strict=True):
                rows[int(day)] = rows.get(int(day), 0) + int(count)
    if not rows:
        return pd.DataFrame(), broken
    sums = pd.concat([_sums(paths, block) for block in _blocks(rows)]).groupby(level="date").sum()
    shares = ["mean", "positive", "negative", "neutral"]
    return sums.assign(**sums[shares].div(sums["tweets"], axis=0)), broken


def _key(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def _scores(tweets: list[Tweet], keys: list[int], values: list[float | None]) -> Scores:
    days = [tweet.day.toordinal() for tweet in tweets]
    return Scores(np.array(days, np.int32), np.array(keys, np.uint64), np.array(values, np.float32))


class _Block(NamedTuple):
    """The tweets of the days from `first` to `last` whose key leaves the remainder `part` when divided by `parts`."""

    first: int
    last: int
    part: int = 0
    parts: int = 1


def _blocks(rows: dict[int, int]) -> Iterator[_Block]:
    """Stretches of days that hold at most AT_ONCE tweets together, and equal parts of days that hold more."""
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
    """A row for each day of a block: the columns of `merge`, not yet divided by the number of tweets."""
    chosen = []
    for path in paths:
        with np.load(path) as piece:
            days = piece["days"]
            within = (block.first <= days) & (days <= block.last) & (piece["keys"] % block.parts == block.part)
            chosen.append(Scores(*(piece[name][within] for name in Scores._fields)))
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
