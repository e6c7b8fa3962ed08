"""Batches of a corpus for Lightning: slices of tensors in memory, nothing per document."""

from pathlib import Path
from typing import Any, NamedTuple

import lightning.pytorch as pl
import numpy as np
import torch
from omegaconf import DictConfig
from torch import Tensor

from conf.kinds import encoder_of
from datamodules.batches import Batches
from datamodules.errors import DataError
from datamodules.split import Rows, Split
from datamodules.texts.corpora import Corpus, one_hot
from datamodules.texts.folds import folds
from datamodules.texts.numbering import Numbering, Words
from datamodules.texts.preprocess import Settings
from datamodules.texts.sources import load


class Batch(NamedTuple):
    """Some documents.

    Attributes:
        tokens: `[B, T]` int64, numbers of words, 0 where there is none.
        lengths: `[B]` int64, steps of each row that count, 0 for a document without a known word.
        targets: `[B, C]` float32, 1 for each class of a document.
        rows: `[B]` int64, the documents' rows in the corpus.
    """

    tokens: Tensor
    lengths: Tensor
    targets: Tensor
    rows: Tensor


class TextDataModule(pl.LightningDataModule):
    """A corpus, pre-processed, split and numbered; ready for use once it is made.

    Attributes:
        corpus: as the source has it.
        vocabulary: the words, without padding: number i is `vocabulary[i - 1]`.
        max_length: words of the longest document.
        split: rows of the training, validation and test part.
        report: what is worth knowing of all this, in lines.

    Args:
        corpus: the documents.
        numbering: how texts become numbers.
        n_folds, split_seed, fold: see `folds`; fold k is the k-th of them.
        seed: of the order of the training batches.
        batch_size: documents per batch.
        padding: "mask": zeros after the words of a batch's shorter documents, not counted by `lengths`.
            "paper": every document has the length of the longest, zeros come first and count as words.

    Raises:
        DataError: `padding` is neither, or there are too few documents for so many folds.
    """

    def __init__(
        self,
        corpus: Corpus,
        numbering: Numbering,
        *,
        n_folds: int,
        split_seed: int,
        fold: int,
        seed: int,
        batch_size: int,
        padding: str,
    ):
        super().__init__()
        if padding not in ("mask", "paper"):
            raise DataError(f"padding={padding}: choose mask or paper.")
        self.corpus = corpus
        self.split = folds(corpus.labels, n_folds, split_seed)[fold]
        self.seed = seed
        self.batch_size = batch_size

        encoded, lines = numbering.number(corpus.texts, self.split.train, padding_first=padding == "paper")
        self.vocabulary = encoded.vocabulary
        self.max_length = encoded.tokens.shape[1]
        lengths = encoded.lengths if padding == "mask" else np.full_like(encoded.lengths, self.max_length)
        targets = torch.from_numpy(one_hot(corpus.labels, len(corpus.classes)))
        rows = torch.arange(len(corpus.texts))
        # int32 tokens are half the memory
        self._documents = Batch(torch.from_numpy(encoded.tokens), torch.from_numpy(lengths), targets, rows)
        self.report = _report(targets, self.split, lines)

    @property
    def texts(self) -> list[str]:
        """Raw, by row."""
        return self.corpus.texts

    @property
    def classes(self) -> tuple[str, ...]:
        """Their names."""
        return self.corpus.classes

    @property
    def multilabel(self) -> bool:
        """Whether a document may have several classes or none."""
        return self.corpus.multilabel

    @property
    def sizes(self) -> dict[str, int]:
        """What the constructor of a net may want to know."""
        return {"vocabulary": len(self.vocabulary), "classes": len(self.classes), "max_length": self.max_length}

    def state_dict(self) -> dict[str, Any]:
        """What it takes to use the net without the corpus; Lightning keeps it in every checkpoint."""
        facts = {"classes": list(self.classes), "multilabel": self.multilabel}
        return {"sizes": self.sizes, **facts, "vocabulary": self.vocabulary}

    @classmethod
    def from_config(cls, config: DictConfig) -> "TextDataModule":
        """The data set that a configuration names; reads its file, or downloads it.

        Raises:
            DataError: its file is missing or broken, or there is no encoder of `model.checkpoint`.
        """
        corpus = load(config.data, Path(config.data_dir))
        options = {key: config[key] for key in ("n_folds", "split_seed", "fold", "seed", "batch_size", "padding")}
        data = cls(corpus, _numbering(config), **options)
        if config.data.get("note"):
            data.report.insert(0, config.data.note)
        return data

    def train_dataloader(self) -> Batches[Batch]:
        """The training part, shuffled anew each epoch."""
        return self._batches(self.split.train, self.seed)

    def val_dataloader(self) -> Batches[Batch]:
        """The validation part, in the corpus's order."""
        return self._batches(self.split.val)

    def test_dataloader(self) -> Batches[Batch]:
        """The test part, in the corpus's order."""
        return self._batches(self.split.test)

    def _batches(self, rows: Rows, seed: int | None = None) -> Batches[Batch]:
        return Batches(self._cut, torch.from_numpy(rows), self.batch_size, seed)

    def _cut(self, rows: Tensor) -> Batch:
        tokens, lengths, targets, _ = (column[rows] for column in self._documents)
        longest = max(1, int(lengths.max()))  # a net needs one step, also where no document has a word
        return Batch(tokens[:, :longest].long(), lengths, targets, rows)


def _numbering(config: DictConfig) -> Numbering:
    """The encoder's word pieces if the model brings an encoder, else words."""
    encoder = encoder_of(config)
    if encoder is not None:
        from datamodules.texts.wordpieces import WordPieces

        return WordPieces(encoder)
    return Words(Settings(**config.preprocess), Path(config.cache_dir))


def _report(targets: Tensor, split: Split, numbering: list[str]) -> list[str]:
    """What is worth knowing, in lines; `numbering` is what is worth knowing of that."""
    train, val, test = (len(part) for part in split)
    lines = [
        f"{len(targets):,} documents in {targets.size(1)} classes: "
        f"{train:,} to train, {val:,} to validate, {test:,} to test.",
        *numbering,
    ]
    absent = [int((targets[part].sum(0) == 0).sum()) for part in split]
    if any(absent):
        lines.append("Classes without a document: {} to train, {} to validate, {} to test.".format(*absent))
    return lines
