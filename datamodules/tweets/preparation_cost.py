"""The effect of the Bitcoin paper's preparation of tweets on their scores, step by step."""

from collections.abc import Callable, Sequence
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from datamodules.errors import DataError
from datamodules.tweets.kaggle_layouts import Tweet, chunks, read_chunk
from datamodules.tweets.prepare import PAPER, prepared, tokens, without_stop_words
from datamodules.tweets.vader import compound

MOST_TWEETS = 50_000  # different texts, from the beginning of the file: half a minute
CHUNK_SIZE = 4 << 20  # bytes read at a time


def _lancaster(text: str) -> str:
    return " ".join(map(_lancaster_stem(), without_stop_words(tokens(text))))


@cache
def _lancaster_stem() -> Callable[[str], str]:
    from nltk.stem import LancasterStemmer

    return cache(LancasterStemmer().stem)


STEPS: dict[str, Callable[[str], str]] = {
    "tokens": lambda text: " ".join(tokens(text)),
    "tokens without stop-words": lambda text: " ".join(without_stop_words(tokens(text))),
    "and Porter's stems (prepare=paper)": lambda text: prepared(text, PAPER),
    "or Lancaster's stems": _lancaster,
}
"""For each step by name, the function that prepares a tweet up to that step."""


def preparation_cost(path: Path) -> pd.DataFrame:
    """Compare VADER's scores of prepared tweets with those of the raw ones.

    Args:
        path: tweets in a known layout.

    Returns:
        A row for each of STEPS. Columns: tweets, the number of different texts (the first MOST_TWEETS, among at most
        ten times as many tweets); correlation of the scores; opposite: share of all texts whose score has the other
        sign; lost: share of the nonzero scores that become 0; days, and daily_correlation of the days' mean scores.

    Raises:
        DataError: the file cannot be read, or has fewer than two different texts.
    """
    every = (tweet for chunk in chunks(path, CHUNK_SIZE) for tweet in read_chunk(path, chunk).tweets)
    first: dict[str, Tweet] = {}
    for tweet in islice(every, 10 * MOST_TWEETS):
        first.setdefault(tweet.text, tweet)
        if len(first) == MOST_TWEETS:
            break
    if len(first) < 2:
        raise DataError(f"{path} has {len(first)} tweets, which is too few to compare.")
    days = [tweet.day for tweet in first.values()]
    raw = np.array([compound(text) for text in first])
    scores = {name: np.array([compound(step(text)) for text in first]) for name, step in STEPS.items()}
    return pd.DataFrame({name: _compared(raw, score, days) for name, score in scores.items()}).T


def _compared(raw: np.ndarray, score: np.ndarray, days: Sequence[object]) -> dict[str, float]:
    means = pd.DataFrame({"day": days, "raw": raw, "score": score}).groupby("day").mean()
    return {
        "tweets": len(raw),
        "correlation": float(pd.Series(raw).corr(pd.Series(score))),
        "opposite": float((raw * score < 0).mean()),
        "lost": float((score[raw != 0] == 0).mean()),
        "days": len(means),
        "daily_correlation": float(means["raw"].corr(means["score"])),
    }


def as_text(cost: pd.DataFrame) -> str:
    """The `preparation_cost` for the terminal."""
    formats = {
        "tweets": "{:,.0f}",
        "correlation": "{:.3f}",
        "opposite": "{:.1%}",
        "lost": "{:.1%}",
        "days": "{:,.0f}",
        "daily_correlation": "{:.3f}",
    }
    shown = cost.assign(**{name: cost[name].map(form.format) for name, form in formats.items()})
    names = {
        "correlation": "correlation with raw",
        "opposite": "opposite sign",
        "lost": "score lost",
        "daily_correlation": "of daily means",
    }
    return shown.rename(columns=names).rename_axis("VADER's score of").to_string()
