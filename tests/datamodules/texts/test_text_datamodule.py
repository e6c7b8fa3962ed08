"""The text data module: contents and order of its batches, its report, and how a configuration makes one."""

from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from text_data import lay_out
from torch import Tensor, nn

from conf.compose import composed
from datamodules.batches import Batches
from datamodules.errors import DataError
from datamodules.texts.corpora import Corpus
from datamodules.texts.preprocess import PreprocessSettings
from datamodules.texts.text_datamodule import TextBatch, TextDataModule
from datamodules.texts.tokenizer import WordTokenizer

WORDS = ["anchor", "beacon", "canoe", "dinghy", "estuary", "ferry", "galley"]


def corpus(documents: int = 47, multilabel: bool = False) -> Corpus:
    """Texts of 0 to 6 words with labels of 3 classes."""
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, rng.integers(7))) for _ in range(documents)]
    labels: list[tuple[int, ...]] = [(int(rng.integers(3)),) for _ in range(documents)]
    if multilabel:
        labels = [tuple(number for number in range(3) if rng.random() < 0.5) for _ in range(documents)]
    return Corpus(texts, labels, ("a", "b", "c"), multilabel)


def make_data(tmp_path: Path, documents: Corpus | None = None, min_count: int = 1, **options: Any) -> TextDataModule:
    chosen = {
        "n_folds": 5,
        "split_seed": 0,
        "fold": 0,
        "seed": 0,
        "batch_size": 8,
        "padding": "mask",
        **options,
    }
    return TextDataModule(
        documents or corpus(), WordTokenizer(PreprocessSettings(min_count=min_count), tmp_path), **chosen
    )


def rows(batches: Batches[TextBatch], epoch: int = 0) -> list[list[int]]:
    batches.set_epoch(epoch)
    return [batch.rows.tolist() for batch in batches]


@pytest.mark.parametrize("multilabel", [False, True])
def test_batches_hold_the_words_and_classes_of_their_documents(multilabel: bool, tmp_path: Path) -> None:
    documents = corpus(multilabel=multilabel)
    data = make_data(tmp_path, documents)
    assert data.texts == documents.texts
    assert (data.classes, data.multilabel) == (("a", "b", "c"), multilabel)
    assert data.max_length == 6
    parts = (data.train_dataloader(), data.val_dataloader(), data.test_dataloader())
    for part, expected in zip(parts, data.split, strict=True):
        seen: list[int] = []
        for batch in part:
            assert batch.tokens.dtype == batch.lengths.dtype == batch.rows.dtype == torch.int64
            assert batch.targets.dtype == torch.float32
            assert batch.tokens.shape == (len(batch.rows), max(1, int(batch.lengths.max())))
            for tokens, length, targets, row in zip(*batch, strict=True):
                words = [data.vocabulary[number - 1] for number in tokens[:length]]
                assert words == documents.texts[row].split()
                assert not tokens[length:].any()
                assert tuple(targets.nonzero().flatten().tolist()) == documents.labels[row]
            seen += batch.rows.tolist()
        assert sorted(seen) == expected.tolist()


def test_validation_and_test_keep_the_order_of_the_corpus(tmp_path: Path) -> None:
    data = make_data(tmp_path)
    for batches, part in ((data.val_dataloader(), data.split.val), (data.test_dataloader(), data.split.test)):
        for epoch in (0, 1):
            assert [row for batch in rows(batches, epoch) for row in batch] == part.tolist()


def test_the_last_batch_may_be_smaller_and_is_kept(tmp_path: Path) -> None:
    batches = make_data(tmp_path, batch_size=10).train_dataloader()
    sizes = [len(batch) for batch in rows(batches)]
    assert sizes == [10, 10, 7]
    assert len(batches) == 3


def test_the_order_depends_on_seed_and_epoch_alone(tmp_path: Path) -> None:
    first = rows(make_data(tmp_path, seed=3).train_dataloader(), epoch=5)
    torch.manual_seed(99)
    np.random.seed(99)
    data = make_data(tmp_path, seed=3)
    again = data.train_dataloader()
    rows(again, epoch=0)
    rows(data.test_dataloader(), epoch=1)
    assert rows(again, epoch=5) == first
    assert rows(again, epoch=6) != first
    assert rows(make_data(tmp_path, seed=4).train_dataloader(), epoch=5) != first


def test_the_seed_moves_neither_folds_nor_vocabulary(tmp_path: Path) -> None:
    one, other = make_data(tmp_path, seed=0), make_data(tmp_path, seed=1)
    assert one.vocabulary == other.vocabulary
    for a, b in zip(one.split, other.split, strict=True):
        np.testing.assert_array_equal(a, b)


def test_fold_and_split_seed_move_the_test_part(tmp_path: Path) -> None:
    tested = [
        set(make_data(tmp_path, fold=fold, split_seed=split_seed).split.test.tolist())
        for fold, split_seed in ((0, 0), (1, 0), (0, 1))
    ]
    assert not tested[0] & tested[1]
    assert tested[0] != tested[2]


@pytest.mark.parametrize(("split", "same"), [("by_seed", False), ("fixed", True)])
def test_each_seed_has_its_own_partition_unless_it_is_fixed(tmp_path: Path, split: str, same: bool) -> None:
    def made(*overrides: str) -> TextDataModule:
        return TextDataModule.from_config(composed(f"split={split}", f"cache_dir={tmp_path}", *overrides))

    one, other, altered = made("seed=1"), made("seed=2"), made("seed=1", "cell=C1")
    assert np.array_equal(one.split.test, other.split.test) == same
    assert (one.vocabulary == other.vocabulary) == same
    for a, b in zip(one.split, altered.split, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_vocabulary_has_no_word_of_validation_and_test(tmp_path: Path) -> None:
    documents = corpus()
    split = make_data(tmp_path, documents).split
    texts = list(documents.texts)
    for row in (*split.val, *split.test):
        texts[row] = "zeppelin zeppelin anchor"
    data = make_data(tmp_path, Corpus(texts, documents.labels, documents.classes))
    assert "zeppelin" not in data.vocabulary
    (batch,) = make_data(tmp_path, data.corpus, batch_size=100).test_dataloader()
    assert batch.lengths.tolist() == [1] * len(split.test)
    assert set(batch.tokens.flatten().tolist()) == {data.vocabulary.index("anchor") + 1}


def test_paper_padding_comes_first_and_counts_as_words(tmp_path: Path) -> None:
    masked = {
        int(row): tokens for batch in make_data(tmp_path).train_dataloader() for row, tokens in rows_and_tokens(batch)
    }
    data = make_data(tmp_path, padding="paper")
    for batch in data.train_dataloader():
        assert batch.tokens.shape == (len(batch.rows), data.max_length)
        assert batch.lengths.tolist() == [data.max_length] * len(batch.rows)
        for row, tokens in rows_and_tokens(batch):
            words = masked[int(row)][masked[int(row)] > 0]
            assert tokens.tolist() == [0] * (data.max_length - len(words)) + words.tolist()


def rows_and_tokens(batch: TextBatch) -> list[tuple[Tensor, Tensor]]:
    return list(zip(batch.rows, batch.tokens, strict=True))


def test_a_batch_without_any_word_has_one_step(tmp_path: Path) -> None:
    documents = Corpus(["the"] * 9, [(number % 3,) for number in range(9)], ("a", "b", "c"))
    for padding, length in (("mask", 0), ("paper", 1)):
        (batch,) = make_data(tmp_path, documents, n_folds=3, padding=padding).train_dataloader()
        assert batch.tokens.tolist() == [[0], [0], [0]]
        assert batch.lengths.tolist() == [length] * 3


def test_an_unknown_padding_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^padding=none: choose mask or paper\.$"):
        make_data(tmp_path, padding="none")


def test_the_report_counts_documents_words_and_missing_classes(tmp_path: Path) -> None:
    texts = ["ferry lake", "ferry the", "ferry", "lake ferry", "ferry", "ferry owl", "the", "ferry", "owl"]
    labels: list[tuple[int, ...]] = [(0,), (0,), (0,), (0,), (1,), (1,), (1,), (1,), (2,)]
    data = make_data(tmp_path, Corpus(texts, labels, ("a", "b", "c")), min_count=9, n_folds=3)
    train, val, test = (len(part) for part in data.split)
    assert data.report[0] == f"9 documents in 3 classes: {train} to train, {val} to validate, {test} to test."
    assert data.report[1] == (
        "0 of 3 words are known: those that occur 9 times or more in the training part. "
        "The longest document has 0 of them."
    )
    assert data.report[2] == (
        "Documents without a known word: 9, of which 1 have no word at all after pre-processing; "
        "they stay, with length 0."
    )
    absent = [3 - len({labels[row] for row in part}) for part in data.split]
    assert sum(absent) == 2
    assert data.report[3] == "Classes without a document: {} to train, {} to validate, {} to test.".format(*absent)
    assert data.report[4] == "Classes with fewer documents than folds, which some folds do not test: 1."


class Recorder(pl.LightningModule):
    """Records the rows of its training batches, by epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.seen: dict[int, list[list[int]]] = {}

    def training_step(self, batch: TextBatch, _: int) -> Tensor:
        self.seen.setdefault(self.current_epoch, []).append(batch.rows.tolist())
        return (self.weight * batch.targets.sum()).sum()

    def validation_step(self, batch: TextBatch, _: int) -> None:
        assert batch.lengths.numel() > 0

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


def trainer(folder: Path, epochs: int) -> pl.Trainer:
    return pl.Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        default_root_dir=folder,
        enable_checkpointing=False,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def test_lightning_sees_another_order_each_epoch_and_resumes_with_the_same(tmp_path: Path) -> None:
    whole = Recorder()
    trainer(tmp_path, 4).fit(whole, make_data(tmp_path))
    assert [len(batches) for batches in whole.seen.values()] == [4, 4, 4, 4]
    assert len({str(batches) for batches in whole.seen.values()}) == 4

    interrupted, resumed = Recorder(), Recorder()
    first = trainer(tmp_path, 2)
    first.fit(interrupted, make_data(tmp_path))
    first.save_checkpoint(tmp_path / "two.ckpt")
    trainer(tmp_path, 4).fit(resumed, make_data(tmp_path), ckpt_path=tmp_path / "two.ckpt")
    assert interrupted.seen | resumed.seen == whole.seen
    assert list(resumed.seen) == [2, 3]


def test_a_configuration_chooses_data_fold_seed_and_padding(tmp_path: Path) -> None:
    lay_out(tmp_path)
    data = TextDataModule.from_config(
        composed(
            "data=semeval",
            f"data_dir={tmp_path}",
            f"cache_dir={tmp_path}/cache",
            "n_folds=3",
            "fold=2",
            "seed=7",
            "batch_size=3",
            "preprocess.min_count=1",
            "padding=paper",
        )
    )
    assert data.multilabel
    assert len(data.texts) == 12
    assert max(len(batch.rows) for batch in data.train_dataloader()) == 3
    assert (data.seed, data.batch_size) == (7, 3)
    same = make_data(tmp_path, data.corpus, n_folds=3, fold=2, split_seed=7)
    assert data.split.test.tolist() == same.split.test.tolist()
    assert next(iter(data.train_dataloader())).tokens.shape == (3, data.max_length)


def test_the_stand_in_says_that_it_is_one(tmp_path: Path) -> None:
    data = TextDataModule.from_config(composed("data=robo", f"cache_dir={tmp_path}"))
    assert "stand-in" in data.report[0]


@pytest.mark.parametrize("name", ["hate", "mlma", "semeval", "hasoc", "crowd"])
def test_every_document_of_the_real_files_is_in_one_part(name: str, shared_data: Path, tmp_path: Path) -> None:
    data = TextDataModule.from_config(composed(f"data={name}", f"data_dir={shared_data}", f"cache_dir={tmp_path}"))
    assert sorted(np.concatenate(data.split)) == list(range(len(data.texts)))
    if name == "hate":
        assert data.max_length == 342


@pytest.mark.parametrize("padding", ["mask", "paper"])
def test_test_documents_that_training_has_are_counted(padding: str, tmp_path: Path) -> None:
    """By known words: an address, a capital or a mark makes no new document, and one without words repeats none."""
    repeated = ["The ferry", "FERRY!", "a ferry http://t.co/xyz", "the", ""]
    others = [" ".join(WORDS[: number + 2]) for number in range(5)]
    texts = [text for pair in zip(repeated, others, strict=True) for text in pair] * 2
    split = {"n_folds": 5, "split_seed": 0, "fold": 0}
    documents = Corpus(texts, [(0,)] * len(texts), ("a",))
    data = make_data(tmp_path, documents, min_count=2, padding=padding, **split)
    known = [tuple(words[words > 0].tolist()) for words in data._cut(torch.arange(len(texts))).tokens]
    train = {known[row] for row in data.split.train}
    count = sum(known[row] in train and known[row] != () for row in data.split.test)
    assert count > 0
    line = f"Documents of the test part with the known words of one of the training part, in the same order: {count}."
    assert line in data.report
    fresh = make_data(tmp_path, Corpus(WORDS * 2, [(0,)] * 14, ("a",)), min_count=3, padding=padding, **split)
    assert not any("the known words of one" in each for each in fresh.report)
