"""How tweets are scored: by VADER, or by the tags of their file."""

import hashlib
import re
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules.caches import read_kept
from datamodules.files import replacing
from datamodules.tweets.kaggle_layouts import Chunk, Tweet
from datamodules.tweets.prepare import RAW, prepared
from datamodules.tweets.vader import compound

_RETWEET = re.compile(r"^(?:RT @\w+:? *)+", re.IGNORECASE)


class TweetScores(NamedTuple):
    """The scores of n tweets.

    Attributes:
        days: `[n]`, `date.toordinal()` of each tweet's day.
        keys: `[n]`; tweets of one day with the same key are duplicates, of which only one counts.
        values: `[n]`, -1 to 1; the same for the same key.
    """

    days: NDArray[np.int32]
    keys: NDArray[np.uint64]
    values: NDArray[np.float32]


def score_by_vader(tweets: list[Tweet], prepare: str = RAW) -> TweetScores:
    """VADER's compound scores. A retweet ("RT @name: ...") has the key and the score of the text it repeats.

    Args:
        tweets: of a chunk.
        prepare: one of `prepare.PREPARATIONS`.
    """
    texts = [_RETWEET.sub("", tweet.text) for tweet in tweets]
    values = {text: compound(prepared(text, prepare)) for text in set(texts)}
    return _scores(tweets, [_key(text) for text in texts], [values[text] for text in texts])


def score_by_tag(tweets: list[Tweet], chunk: Chunk) -> TweetScores:
    """The file's own tags as -1, 0, +1. Every row counts, as in the paper, so every row has a key of its own."""
    return _scores(tweets, [chunk.start + row for row in range(len(tweets))], [tweet.tag for tweet in tweets])


def save_scores(
    path: Path, scores: TweetScores, broken: int, not_utf8: int = 0, converted: int = 0, assumed: int = 0
) -> None:
    """Write scores and the numbers of `ChunkContent`; the file appears whole or not at all."""
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, broken=broken, not_utf8=not_utf8, converted=converted, assumed=assumed, **scores._asdict())


def are_saved(path: Path) -> bool:
    """Whether `save_scores` has written the file and every byte of its numbers is still as it was."""

    def read(file: BinaryIO) -> bool:
        with np.load(file) as saved:  # compares checksums
            if not {"broken", *TweetScores._fields} <= {name: saved[name] for name in saved}.keys():
                raise ValueError(path)
        return True

    return read_kept(path, read) or False


def _key(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def _scores(tweets: list[Tweet], keys: list[int], values: list[float | None]) -> TweetScores:
    days = [tweet.day.toordinal() for tweet in tweets]
    return TweetScores(np.array(days, np.int32), np.array(keys, np.uint64), np.array(values, np.float32))
