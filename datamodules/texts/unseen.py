"""How a trained net reads texts that it has not seen: as those it was trained on."""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from datamodules.texts.preprocess import Settings, tokenize
from datamodules.texts.vocabulary import numbered


class Read(NamedTuple):
    """Texts as a net takes them.

    Attributes:
        tokens: `[N, T]`, numbers of words, 0 where there is none.
        lengths: `[N]`, steps of each row that count.
        known: `[N]`, words of each text that the net knows.
    """

    tokens: NDArray[np.int32]
    lengths: NDArray[np.int64]
    known: NDArray[np.int64]


class Reader(Protocol):
    """Turns texts into what a net takes."""

    def read(self, texts: Iterable[str]) -> Read:
        """Each text by itself, whatever the others are."""
        ...


class Reading(NamedTuple):
    """A `Reader` by words, as they were settled when the net was trained.

    Attributes:
        settings: how texts become words.
        vocabulary: word number i is `vocabulary[i - 1]`.
        padding: "mask" or "paper", see `text.TextDataModule`.
        max_length: words of the longest document there; with padding="paper", of every document.
    """

    settings: Settings
    vocabulary: list[str]
    padding: str
    max_length: int

    def read(self, texts: Iterable[str]) -> Read:
        """Texts as numbers; with padding="paper" one that is too long loses its beginning, as Keras would have it."""
        first = self.padding == "paper"
        _, tokens, known = numbered(tokenize(texts, self.settings), self.vocabulary, padding_first=first)
        if not first:
            return Read(tokens, known, known)
        tokens = tokens[:, -self.max_length :]
        zeros = self.max_length - tokens.shape[1]
        return Read(np.pad(tokens, ((0, 0), (zeros, 0))), np.full_like(known, self.max_length), known)
