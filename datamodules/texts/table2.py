"""The paper's Table 2, and the same numbers of the files at hand."""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules.texts.corpora import Corpus
from datamodules.texts.preprocess import Tokens


class Size(NamedTuple):
    """One half of a line of Table 2: documents with a word, classes, words of the longest, distinct words."""

    documents: int
    classes: int
    longest: int
    tokens: int


def published(name: str) -> dict[str, Size]:
    """The paper's numbers of a data set, "raw" and "processed"; empty if the paper does not have it."""
    with open(Path(__file__).with_suffix(".csv"), encoding="ascii", newline="") as file:
        return {
            line["stage"]: Size(*(int(line[field]) for field in Size._fields))
            for line in csv.DictReader(file)
            if line["name"] == name
        }


def raw(corpus: Corpus) -> Size:
    """Words as they stand between blanks: so counted, CROWD's 40,000 tweets have the paper's 83,297."""
    texts = [text.split() for text in corpus.texts]
    return _size(corpus, np.array([len(words) for words in texts]), len(set().union(*texts)))


def processed(corpus: Corpus, words: Tokens) -> Size:
    """After pre-processing; rare words are still there, as they are dropped fold by fold."""
    return _size(corpus, words.lengths, len(words.words))


def _size(corpus: Corpus, lengths: NDArray[np.int64], tokens: int) -> Size:
    return Size(int((lengths > 0).sum()), len(corpus.classes), int(lengths.max()), tokens)
