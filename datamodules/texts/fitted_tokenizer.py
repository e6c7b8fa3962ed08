"""Encoding new texts for a trained net, in the same way as the texts it was trained on."""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from datamodules.texts.preprocess import PreprocessSettings, tokenize
from datamodules.texts.vocabulary import encode


class EncodedTexts(NamedTuple):
    """Texts as a net takes them.

    Attributes:
        tokens: `[N, T]`, numbers of words, padded with 0.
        lengths: `[N]`, steps of each row that count.
        known: `[N]`, words of each text that the net knows.
    """

    tokens: NDArray[np.int32]
    lengths: NDArray[np.int64]
    known: NDArray[np.int64]


class FittedTokenizer(Protocol):
    """Encodes texts for a net that is trained already."""

    def encode(self, texts: Iterable[str]) -> EncodedTexts:
        """Encode each text independently of the others."""
        ...


class FittedWordTokenizer(NamedTuple):
    """A `FittedTokenizer` for the words that a net was trained on.

    Attributes:
        settings: how texts become words.
        vocabulary: word number i is `vocabulary[i - 1]`.
        padding: "mask" or "paper", see `TextDataModule`.
        max_length: words of the longest document in training; with padding="paper", the length of every document.
    """

    settings: PreprocessSettings
    vocabulary: list[str]
    padding: str
    max_length: int

    def encode(self, texts: Iterable[str]) -> EncodedTexts:
        """Encode each text. With padding="paper", a text that is too long loses its beginning, as in Keras."""
        first = self.padding == "paper"
        _, tokens, known = encode(tokenize(texts, self.settings), self.vocabulary, padding_first=first)
        if not first:
            return EncodedTexts(tokens, known, known)
        tokens = tokens[:, -self.max_length :]
        zeros = self.max_length - tokens.shape[1]
        return EncodedTexts(np.pad(tokens, ((0, 0), (zeros, 0))), np.full_like(known, self.max_length), known)
