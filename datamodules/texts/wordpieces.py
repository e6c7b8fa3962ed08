"""Texts as the word pieces of a pre-trained encoder, made from the raw texts by the encoder's own tokenizer."""

from collections.abc import Iterable

import numpy as np

from datamodules.errors import DataError
from datamodules.split import Rows
from datamodules.texts.encoders import checkpoint_folder
from datamodules.texts.fitted_tokenizer import EncodedTexts
from datamodules.texts.vocabulary import EncodedCorpus


class WordPieceTokenizer:
    """A `Tokenizer` that learns nothing: word pieces and their numbers come with the encoder. Also a `FittedTokenizer`.

    Args:
        checkpoint: names the encoder, see `encoders.checkpoint_folder`.

    Raises:
        DataError: there is no such encoder, or it is not of the BERT family.
    """

    def __init__(self, checkpoint: str):
        with checkpoint_folder(checkpoint) as folder:
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

    def encode(self, texts: Iterable[str]) -> EncodedTexts:
        """Each text's word pieces between [CLS] and [SEP], cut at the number of positions the encoder has."""
        pieces = self.tokenizer(list(texts), truncation=True, max_length=self.longest)["input_ids"]
        lengths = np.array([len(ids) for ids in pieces], np.int64)
        tokens = np.zeros((len(pieces), lengths.max(initial=1)), np.int32)
        tokens[np.arange(tokens.shape[1]) < lengths[:, None]] = np.concatenate(pieces)
        return EncodedTexts(tokens, lengths, lengths - self.tokenizer.num_special_tokens_to_add())

    def encode_corpus(self, texts: list[str], train: Rows, padding_first: bool) -> tuple[EncodedCorpus, list[str]]:
        """See `Tokenizer`.

        Raises:
            DataError: `padding_first`; a pre-trained encoder expects [CLS] at the first position.
        """
        if padding_first:
            raise DataError("padding=paper puts zeros where a pre-trained encoder has its [CLS]: choose padding=mask.")
        tokens, lengths, _ = self.encode(texts)
        number_of = self.tokenizer.get_vocab()
        vocabulary = sorted(number_of, key=number_of.__getitem__)[1:]  # number 0 is padding and not listed
        lines = [
            self.encoder,
            f"It reads the raw texts, whatever preprocess= does to words: {len(self.tokenizer):,} different word "
            f"pieces, {lengths.max()} in the longest document.",
        ]
        if lengths.max() == self.longest:
            cut = (lengths == self.longest).sum()
            lines.append(f"Only the first {self.longest} word pieces are read of each of {cut:,} long documents.")
        return EncodedCorpus(vocabulary, tokens, lengths), lines
