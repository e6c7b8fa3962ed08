"""A corpus for Lightning: split, encoded, and batched as slices of tensors in memory."""

import functools
from pathlib import Path
from typing import Any, NamedTuple

import lightning.pytorch as pl
import numpy as np
import torch
from omegaconf import DictConfig
from torch import Tensor

from conf.kinds import encoder_of, partition_seed
from datamodules.batches import Batches
from datamodules.errors import DataError
from datamodules.split import Rows, Split
from datamodules.texts.corpora import Corpus, one_hot
from datamodules.texts.dropping import drop_documents
from datamodules.texts.first_document import first_document
from datamodules.texts.folds import cached_folds, make_folds
from datamodules.texts.languages import remarks
from datamodules.texts.preprocess import KEEP, PreprocessSettings, preprocess
from datamodules.texts.sources import load_corpus
from datamodules.texts.tokenizer import Tokenizer, WordTokenizer
from datamodules.texts.vocabulary import EncodedCorpus

SHOWN_CLASSES = 5  # named in one line


class TextBatch(NamedTuple):
    """B documents.

    Attributes:
        tokens: `[B, T]` int64, word numbers; 0 is padding.
        lengths: `[B]` int64, steps of each row that count; 0 for a document without a known word.
        targets: `[B, C]` float32, 1 for each class of a document, 0 elsewhere.
        rows: `[B]` int64, row numbers of the documents in the corpus, dropped ones not counted.
    """

    tokens: Tensor
    lengths: Tensor
    targets: Tensor
    rows: Tensor


class TextDataModule(pl.LightningDataModule):
    """A corpus, pre-processed, split and encoded; ready for use as soon as it is constructed.

    Attributes:
        corpus: raw texts and their labels.
        vocabulary: the known words; word number i is `vocabulary[i - 1]`.
        max_length: words of the longest document.
        split: rows of the training, validation and test part.
        report: lines for the user about the data.

    Args:
        corpus: the documents.
        tokenizer: turns texts into numbers.
        n_folds, split_seed: see `make_folds`.
        fold: which of the folds, from 0.
        seed: seed of the order of the training batches.
        batch_size: documents per batch.
        padding: "mask": zeros follow the words of a batch's shorter documents, and `lengths` does not count them.
            "paper": every document has the length of the longest; zeros come first and count as words.
        cache_dir: keeps the folds for the next time; None: they are cut anew.

    Raises:
        DataError: `padding` is neither of these, or there are too few documents for so many folds.
    """

    def __init__(
        self,
        corpus: Corpus,
        tokenizer: Tokenizer,
        *,
        n_folds: int,
        split_seed: int,
        fold: int,
        seed: int,
        batch_size: int,
        padding: str,
        cache_dir: Path | None = None,
    ):
        super().__init__()
        if padding not in ("mask", "paper"):
            raise DataError(f"padding={padding}: choose mask or paper.")
        self.corpus = corpus
        cut = make_folds if cache_dir is None else functools.partial(cached_folds, cache_dir=cache_dir)
        if fold and corpus.has_one_partition:
            raise DataError(f"fold={fold}: all three parts are given, so every fold is the same; leave fold=0.")
        self.split = cut(corpus.labels, n_folds, split_seed, groups=corpus.groups, given=corpus.parts)[fold]
        self.seed = seed
        self.batch_size = batch_size

        encoded, lines = tokenizer.encode_corpus(corpus.texts, self.split.train, padding_first=padding == "paper")
        self.vocabulary = encoded.vocabulary
        self.max_length = encoded.tokens.shape[1]
        lengths = encoded.lengths if padding == "mask" else np.full_like(encoded.lengths, self.max_length)
        targets = torch.from_numpy(one_hot(corpus.labels, len(corpus.classes)))
        rows = torch.arange(len(corpus.texts))
        # Tokens stay int32 here, which is half the memory.
        self._documents = TextBatch(torch.from_numpy(encoded.tokens), torch.from_numpy(lengths), targets, rows)
        self.report = _report(targets, self.split, [*lines, *_repeated(encoded, self.split)])
        if few := int((targets.sum(0) < n_folds).sum()) if corpus.parts is None else 0:
            self.report.append(f"Classes with fewer documents than folds, which some folds do not test: {few:,}.")
        if corpus.parts is not None:
            self.report += _unlearnt(corpus.classes, targets, self.split)

    @property
    def texts(self) -> list[str]:
        """Raw texts, by row."""
        return self.corpus.texts

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.corpus.classes

    @property
    def multilabel(self) -> bool:
        """Whether a document may have several classes or none."""
        return self.corpus.multilabel

    @property
    def sizes(self) -> dict[str, int]:
        """Sizes that the constructor of a net may need."""
        return {"vocabulary": len(self.vocabulary), "classes": len(self.classes), "max_length": self.max_length}

    def state_dict(self) -> dict[str, Any]:
        """Facts needed to use the net without the corpus; Lightning saves them in every checkpoint."""
        facts = {"classes": list(self.classes), "multilabel": self.multilabel}
        return {"sizes": self.sizes, **facts, "vocabulary": self.vocabulary}

    @classmethod
    def from_config(cls, config: DictConfig) -> "TextDataModule":
        """Read, or download, the data set that a configuration names.

        Raises:
            DataError: its file is missing or broken, no document is left, or there is no encoder `model.checkpoint`.
        """
        whole = load_corpus(config.data, Path(config.data_dir))
        corpus = _without_dropped(whole, config)
        options = {key: config[key] for key in ("n_folds", "fold", "seed", "batch_size", "padding")}
        options |= {"split_seed": partition_seed(config), "cache_dir": Path(config.cache_dir)}
        data = cls(corpus, _tokenizer(config), **options)
        if dropped := len(whole.texts) - len(corpus.texts):
            data.report.insert(0, f"{dropped:,} of {len(whole.texts):,} documents were dropped, see preprocess=.")
        if encoder_of(config) is None:
            data.report += remarks(whole.texts, config.preprocess.language)
            if "reader" in config.data:
                data.report[:0] = first_document(whole.texts, PreprocessSettings(**config.preprocess))
        data.report[:0] = [*filter(None, [config.data.get("note")]), *whole.notes]
        return data

    def train_dataloader(self) -> Batches[TextBatch]:
        """The training part, shuffled anew each epoch."""
        return self._batches(self.split.train, self.seed)

    def val_dataloader(self) -> Batches[TextBatch]:
        """The validation part, in the order of the corpus."""
        return self._batches(self.split.val)

    def test_dataloader(self) -> Batches[TextBatch]:
        """The test part, in the order of the corpus."""
        return self._batches(self.split.test)

    def _batches(self, rows: Rows, seed: int | None = None) -> Batches[TextBatch]:
        return Batches(self._cut, torch.from_numpy(rows), self.batch_size, seed)

    def _cut(self, rows: Tensor) -> TextBatch:
        tokens, lengths, targets, _ = (column[rows] for column in self._documents)
        longest = max(1, int(lengths.max()))  # a net needs at least one step, even if no document has a word
        return TextBatch(tokens[:, :longest].long(), lengths, targets, rows)


def _without_dropped(corpus: Corpus, config: DictConfig) -> Corpus:
    """The corpus without the documents that `preprocess=` drops, the same for all models."""
    settings, cache_dir = PreprocessSettings(**config.preprocess), Path(config.cache_dir)
    if not settings.min_words and settings.duplicates == KEEP:
        return corpus
    kept = drop_documents(corpus, preprocess(corpus.texts, settings, cache_dir), settings)
    if not kept.texts:
        raise DataError(f"preprocess.min_words={settings.min_words}: no document has that many words.")
    return kept


def _tokenizer(config: DictConfig) -> Tokenizer:
    """The tokenizer of the pre-trained encoder if the model brings one, else the project's own."""
    encoder = encoder_of(config)
    if encoder is not None:
        from datamodules.texts.wordpieces import WordPieceTokenizer

        return WordPieceTokenizer(encoder)
    return WordTokenizer(PreprocessSettings(**config.preprocess), Path(config.cache_dir))


def _report(targets: Tensor, split: Split, from_tokenizer: list[str]) -> list[str]:
    """Lines on documents, classes and parts, with those of the tokenizer in between."""
    train, val, test = (len(part) for part in split)
    lines = [
        f"{len(targets):,} documents in {targets.size(1)} classes: "
        f"{train:,} to train, {val:,} to validate, {test:,} to test.",
        *from_tokenizer,
    ]
    absent = [int((targets[part].sum(0) == 0).sum()) for part in split]
    if any(absent):
        lines.append("Classes without a document: {} to train, {} to validate, {} to test.".format(*absent))
    return lines


def _unlearnt(classes: tuple[str, ...], targets: Tensor, split: Split) -> list[str]:
    """A line that names classes of the test part without a document to learn them from."""
    there = (targets[split.train].sum(0) == 0) & (targets[split.test].sum(0) > 0)
    names = [classes[number] for number in there.nonzero().flatten().tolist()]
    more = f" and {len(names) - SHOWN_CLASSES:,} more" if len(names) > SHOWN_CLASSES else ""
    return [f"In the test part alone: {', '.join(names[:SHOWN_CLASSES])}{more}."] if names else []


def _repeated(encoded: EncodedCorpus, split: Split) -> list[str]:
    """A line on the test documents that a net has seen in training: not the same texts, but the same known words.

    So are retweets, and texts that differ in an address, in capitals or in marks. The papers keep them.
    """
    first = np.cumsum(encoded.lengths) - encoded.lengths
    words = encoded.tokens[encoded.tokens > 0]  # zeros before or behind the words of a document do not count
    documents = [words[start : start + length].tobytes() for start, length in zip(first, encoded.lengths, strict=True)]
    known = {documents[row] for row in split.train}
    repeated = sum(1 for row in split.test if documents[row] and documents[row] in known)
    return [
        f"Documents of the test part with the known words of one of the training part, in the same order: {repeated:,}."
    ] * (repeated > 0)
