"""The vocabulary, learned from the training part alone, and documents encoded as its word numbers."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules.split import Rows
from datamodules.texts.preprocess import TokenizedTexts


class EncodedCorpus(NamedTuple):
    """Documents as word numbers.

    Attributes:
        vocabulary: word number i is `vocabulary[i - 1]`; 0 is padding.
        tokens: `[N, T]`, one row per document, padded with zeros; T is the length of the longest, at least 1.
        lengths: `[N]`, known words of each document.
    """

    vocabulary: list[str]
    tokens: NDArray[np.int32]
    lengths: NDArray[np.int64]


def learn_vocabulary(texts: TokenizedTexts, train: Rows, min_count: int) -> list[str]:
    """Words that occur at least `min_count` times in the documents `train`, the most frequent first.

    Words of the same frequency keep the order in which the corpus has them.
    """
    ids = texts.ids[np.isin(_document_of_each_word(texts), train)]
    counts = np.bincount(ids, minlength=len(texts.words))
    by_count = np.argsort(-counts, kind="stable")
    return [texts.words[word] for word in by_count[counts[by_count] >= min_count]]


def encode(texts: TokenizedTexts, vocabulary: list[str], padding_first: bool) -> EncodedCorpus:
    """Replace words by their numbers in `vocabulary` and drop all other words.

    A document without a known word stays, with length 0.

    Args:
        texts: the words of all documents.
        vocabulary: the known words; the first one has number 1.
        padding_first: put the zeros before the words, not after them.
    """
    number_of = {word: i for i, word in enumerate(vocabulary, 1)}
    ids = np.array([number_of.get(word, 0) for word in texts.words], np.int32)[texts.ids]
    document = _document_of_each_word(texts)[ids > 0]
    ids = ids[ids > 0]
    lengths = np.bincount(document, minlength=len(texts.lengths))
    longest = max(1, int(lengths.max()))
    first_step = longest - lengths if padding_first else np.zeros_like(lengths)
    starts = np.cumsum(lengths) - lengths
    step = np.arange(len(ids)) - starts[document] + first_step[document]
    tokens = np.zeros((len(lengths), longest), np.int32)
    tokens[document, step] = ids
    return EncodedCorpus(vocabulary, tokens, lengths)


def _document_of_each_word(texts: TokenizedTexts) -> Rows:
    return np.repeat(np.arange(len(texts.lengths)), texts.lengths)
