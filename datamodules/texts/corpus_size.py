"""The size of a corpus, raw and pre-processed, as the paper's Table 2 prints it and as counted here."""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules.texts.corpora import Corpus
from datamodules.texts.preprocess import PreprocessSettings, TokenizedTexts
from datamodules.texts.vocabulary import encode, learn_vocabulary

TABLE_2 = Path(__file__).with_name("table2.csv")


class CorpusSize(NamedTuple):
    """One half of a row of Table 2.

    Attributes:
        documents: documents with at least one word.
        classes: number of classes.
        longest: words of the longest document.
        tokens: distinct words.
    """

    documents: int
    classes: int
    longest: int
    tokens: int


def published_sizes(name: str) -> dict[str, CorpusSize]:
    """The paper's sizes of a data set, "raw" and "processed"; empty if the paper does not have the data set."""
    with open(TABLE_2, encoding="ascii", newline="") as file:
        return {
            line["stage"]: CorpusSize(*(int(line[field]) for field in CorpusSize._fields))
            for line in csv.DictReader(file)
            if line["name"] == name
        }


def raw_size(corpus: Corpus) -> CorpusSize:
    """The size before pre-processing. Words are separated by spaces: this gives the paper's 83,297 for all of CROWD."""
    texts = [text.split() for text in corpus.texts]
    return _size(corpus, np.array([len(words) for words in texts]), len(set().union(*texts)))


def processed_size(corpus: Corpus, words: TokenizedTexts, settings: PreprocessSettings) -> CorpusSize:
    """The size after pre-processing. Rare words still count, because each fold drops its own.

    With `tfidf_terms` those words alone count that all documents together would keep.
    """
    if settings.tfidf_terms is None:
        return _size(corpus, words.lengths, len(words.words))
    every = np.arange(len(corpus.texts))
    kept = encode(words, learn_vocabulary(words, every, settings.min_count, settings.tfidf_terms), padding_first=False)
    return _size(corpus, kept.lengths, len(kept.vocabulary))


def _size(corpus: Corpus, lengths: NDArray[np.int64], tokens: int) -> CorpusSize:
    return CorpusSize(int((lengths > 0).sum()), len(corpus.classes), int(lengths.max(initial=0)), tokens)
