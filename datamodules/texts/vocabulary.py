"""Which words a net knows, learnt from the training part alone, and documents as their numbers."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules.texts.preprocess import Tokens


class Encoded(NamedTuple):
    """Documents as numbers of words.

    Attributes:
        vocabulary: word number i is `vocabulary[i - 1]`, the most frequent first; 0 is padding.
        tokens: `[N, T]`, T the longest document, at least 1; each row a document and zeros.
        lengths: `[N]`, the known words of each document.
    """

    vocabulary: list[str]
    tokens: NDArray[np.int32]
    lengths: NDArray[np.int64]


def encode(corpus: Tokens, train: NDArray[np.int64], min_count: int, padding_first: bool) -> Encoded:
    """Number the words that occur `min_count` times or more in the documents `train`, and drop all others.

    A document without such a word stays, with length 0.

    Args:
        corpus: the words of all documents.
        train: the documents the vocabulary is learnt from.
        min_count: at least 1.
        padding_first: zeros before the words, not after them.
    """
    document = np.repeat(np.arange(len(corpus.lengths)), corpus.lengths)
    kept = _frequent(corpus, corpus.ids[np.isin(document, train)], min_count)
    return numbered(corpus, [corpus.words[word] for word in kept], padding_first)


def numbered(corpus: Tokens, vocabulary: list[str], padding_first: bool) -> Encoded:
    """Documents as the numbers of the words that `vocabulary` has; all others are dropped."""
    known = {word: i for i, word in enumerate(vocabulary, 1)}
    number = np.array([known.get(word, 0) for word in corpus.words], np.int32)
    ids = number[corpus.ids]
    document = np.repeat(np.arange(len(corpus.lengths)), corpus.lengths)[ids > 0]
    ids = ids[ids > 0]
    lengths = np.bincount(document, minlength=len(corpus.lengths))
    longest = max(1, int(lengths.max()))
    first_step = longest - lengths if padding_first else np.zeros_like(lengths)
    starts = np.cumsum(lengths) - lengths
    step = np.arange(len(ids)) - starts[document] + first_step[document]
    tokens = np.zeros((len(lengths), longest), np.int32)
    tokens[document, step] = ids
    return Encoded(vocabulary, tokens, lengths)


def _frequent(corpus: Tokens, ids: NDArray[np.int32], min_count: int) -> NDArray[np.int64]:
    """The words that are `min_count` times or more among `ids`, the most frequent first."""
    counts = np.bincount(ids, minlength=len(corpus.words))
    by_count = np.argsort(-counts, kind="stable")
    return by_count[counts[by_count] >= min_count]
