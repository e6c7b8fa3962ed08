"""How the texts of a corpus become numbers: the contract `Tokenizer`, and `WordTokenizer` for pre-processed words.

The other implementation is `wordpieces.WordPieceTokenizer`.
"""

from pathlib import Path
from typing import Protocol

import numpy as np

from datamodules.split import Rows
from datamodules.texts.preprocess import PreprocessSettings, preprocess
from datamodules.texts.vocabulary import EncodedCorpus, encode, learn_vocabulary


class Tokenizer(Protocol):
    """Encodes a whole corpus, learning from its training part alone."""

    def encode_corpus(self, texts: list[str], train: Rows, padding_first: bool) -> tuple[EncodedCorpus, list[str]]:
        """Encode all texts.

        Args:
            texts: all documents, raw.
            train: rows of the training part.
            padding_first: put the zeros of shorter documents before their words, not after them.

        Returns:
            The encoded documents, and lines for the user about them.
        """


class WordTokenizer:
    """Tokens are pre-processed words; words that are rare in the training part are dropped.

    Args:
        settings: how texts become words.
        cache_dir: keeps the pre-processed words for the next run.
    """

    def __init__(self, settings: PreprocessSettings, cache_dir: Path):
        self.settings = settings
        self.cache_dir = cache_dir

    def encode_corpus(self, texts: list[str], train: Rows, padding_first: bool) -> tuple[EncodedCorpus, list[str]]:
        """See `Tokenizer`."""
        words = preprocess(texts, self.settings, self.cache_dir)
        min_count, terms = self.settings.min_count, self.settings.tfidf_terms
        encoded = encode(words, learn_vocabulary(words, train, min_count, terms), padding_first)
        reduced = "" if terms is None else f", {terms:,} of the highest mean TF-IDF at most"
        lines = [
            f"{len(encoded.vocabulary):,} of {len(words.words):,} words are known: those that occur {min_count} "
            f"times or more in the training part{reduced}. The longest document has {encoded.lengths.max()} of them."
        ]
        emptied, unknown = (int(np.count_nonzero(lengths == 0)) for lengths in (words.lengths, encoded.lengths))
        if unknown:
            lines.append(
                f"Documents without a known word: {unknown:,}, of which {emptied:,} have no word at all after "
                "pre-processing; they stay, with length 0."
            )
        return encoded, lines
