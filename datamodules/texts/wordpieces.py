"""Texts as the word pieces of a pre-trained encoder, which its own tokenizer makes of the raw text."""

from collections.abc import Iterable

import numpy as np

from datamodules.errors import DataError
from datamodules.split import Rows
from datamodules.texts.encoders import opened
from datamodules.texts.unseen import Read
from datamodules.texts.vocabulary import Encoded


class WordPieces:
    """A `numbering.Numbering` that learns nothing: pieces and their numbers are the encoder's.

    Args:
        checkpoint: of the encoder, see `encoders.opened`.

    Raises:
        DataError: there is no such encoder, or none that reads texts as BERT does.
    """

    def __init__(self, checkpoint: str):
        with opened(checkpoint) as folder:
            from transformers import AutoConfig, AutoTokenizer

            config = AutoConfig.from_pretrained(folder)
            self.tokenizer = AutoTokenizer.from_pretrained(folder)
        if self.tokenizer.cls_token is None:
            raise DataError(f"model.checkpoint={checkpoint}: it has no [CLS], give an encoder of the BERT family.")
        self.longest = min(self.tokenizer.model_max_length, config.max_position_embeddings)
        self.encoder = (
            f"Encoder: {checkpoint}, {config.model_type} of {config.num_hidden_layers} layers of {config.hidden_size}, "
            f"in {folder}."
        )

    def read(self, texts: Iterable[str]) -> Read:
        """Each text's pieces, [CLS] and [SEP] around them, cut where the encoder's positions end."""
        pieces = self.tokenizer(list(texts), truncation=True, max_length=self.longest)["input_ids"]
        lengths = np.array([len(ids) for ids in pieces], np.int64)
        tokens = np.zeros((len(pieces), lengths.max(initial=1)), np.int32)
        tokens[np.arange(tokens.shape[1]) < lengths[:, None]] = np.concatenate(pieces)
        return Read(tokens, lengths, lengths - self.tokenizer.num_special_tokens_to_add())

    def number(self, texts: list[str], train: Rows, padding_first: bool) -> tuple[Encoded, list[str]]:
        """See `Numbering`.

        Raises:
            DataError: `padding_first`, but a pre-trained encoder looks for [CLS] at the first position.
        """
        if padding_first:
            raise DataError("padding=paper puts zeros where a pre-trained encoder has its [CLS]: choose padding=mask.")
        tokens, lengths, _ = self.read(texts)
        numbers = self.tokenizer.get_vocab()
        vocabulary = sorted(numbers, key=numbers.__getitem__)[1:]  # number 0 has no place in it
        lines = [
            self.encoder,
            f"It reads the raw texts, preprocess= plays no part: {len(self.tokenizer):,} different word pieces, "
            f"{lengths.max()} in the longest document.",
        ]
        if lengths.max() == self.longest:
            lines.append(f"Of {(lengths == self.longest).sum():,} documents it reads the first {self.longest}.")
        return Encoded(vocabulary, tokens, lengths), lines
