"""How the texts of a corpus become numbers: as the words of its training part; `wordpieces` is another way."""

from pathlib import Path
from typing import Protocol

import numpy as np

from datamodules.split import Rows
from datamodules.texts.preprocess import Settings, preprocess
from datamodules.texts.vocabulary import Encoded, encode


class Numbering(Protocol):
    """Turns all texts into numbers, having learnt from the training part alone."""

    def number(self, texts: list[str], train: Rows, padding_first: bool) -> tuple[Encoded, list[str]]:
        """The texts, padded with zeros at the end or in front, and what is worth knowing of that, in lines."""


class Words:
    """Pre-processed words; those that are rare in the training part are dropped.

    Args:
        settings: how texts become words.
        cache_dir: where the words are kept for the next time.
    """

    def __init__(self, settings: Settings, cache_dir: Path):
        self.settings = settings
        self.cache_dir = cache_dir

    def number(self, texts: list[str], train: Rows, padding_first: bool) -> tuple[Encoded, list[str]]:
        """See `Numbering`."""
        words = preprocess(texts, self.settings, self.cache_dir)
        min_count = self.settings.min_count
        encoded = encode(words, train, min_count, padding_first)
        lines = [
            f"{len(encoded.vocabulary):,} of {len(words.words):,} words are known: those that occur {min_count} "
            f"times or more in the training part. The longest document has {encoded.lengths.max()} of them."
        ]
        emptied, unknown = (int(np.count_nonzero(lengths == 0)) for lengths in (words.lengths, encoded.lengths))
        if unknown:
            lines.append(
                f"Documents without a known word: {unknown:,}, of which {emptied:,} have no word at all after "
                "pre-processing; they stay, with length 0."
            )
        return encoded, lines
