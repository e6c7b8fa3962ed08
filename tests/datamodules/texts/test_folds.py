"""Folds are stratified, reproducible, and test every document once."""

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datamodules.errors import DataError
from datamodules.split import Split
from datamodules.texts import folds
from datamodules.texts.corpora import one_hot
from datamodules.texts.folds import cached_folds, make_folds

Labels = list[tuple[int, ...]]


def single(*counts: int, seed: int = 0) -> Labels:
    """Labels of `counts[c]` documents of each class c, in random order."""
    classes = np.repeat(np.arange(len(counts)), counts)
    return [(int(number),) for number in np.random.default_rng(seed).permutation(classes)]


def multi(documents: int, classes: int, seed: int = 0) -> Labels:
    """Labels of documents that have each class with probability 1/4; some have none."""
    flags = np.random.default_rng(seed).random((documents, classes)) < 0.25
    return [tuple(np.flatnonzero(row).tolist()) for row in flags]


def assert_partition(splits: list[Split], documents: int) -> None:
    everything = np.arange(documents)
    np.testing.assert_array_equal(np.sort(np.concatenate([split.test for split in splits])), everything)
    for k, split in enumerate(splits):
        np.testing.assert_array_equal(np.sort(np.concatenate(split)), everything)
        np.testing.assert_array_equal(split.val, splits[(k + 1) % len(splits)].test)
        for part in split:
            assert (np.diff(part) > 0).all()


@given(st.lists(st.integers(1, 30), min_size=2, max_size=6), st.integers(3, 6), st.integers(0, 100))
@settings(max_examples=40, deadline=None)
def test_every_class_is_spread_to_within_one(counts: list[int], n_folds: int, split_seed: int) -> None:
    counts[0] += n_folds
    labels = single(*counts)
    splits = make_folds(labels, n_folds, split_seed)
    assert_partition(splits, len(labels))
    per_part = np.array([one_hot([labels[row] for row in split.test], len(counts)).sum(0) for split in splits])
    assert (np.ptp(per_part, axis=0) <= 1).all()


def test_ten_folds_are_80_10_10() -> None:
    for train, val, test in make_folds(single(400, 350, 250), 10, 0):
        assert (len(train), len(val), len(test)) == (800, 100, 100)


def test_multi_label_documents_are_stratified_by_each_label() -> None:
    labels = multi(400, 5)
    assert () in labels
    splits = make_folds(labels, 10, 0)
    assert_partition(splits, 400)
    per_part = np.array([one_hot([labels[row] for row in split.test], 5).sum(0) for split in splits])
    without = [sum(labels[row] == () for row in split.test) for split in splits]
    # about 10 documents of each class in each part; a random partition would have 5 to 15
    assert np.ptp(per_part, axis=0).max() <= 3
    assert np.ptp(without) <= 3
    assert all(34 <= len(split.test) <= 46 for split in splits)  # the mix of classes comes before the size


@pytest.mark.parametrize("labels", [single(20, 9, 12), multi(50, 4)], ids=["single", "multi"])
def test_folds_depend_on_the_split_seed_and_not_on_the_global_seed(labels: Labels) -> None:
    first = make_folds(labels, 5, 0)
    np.random.seed(123)  # the seed of a run must not matter
    again, other = make_folds(labels, 5, 0), make_folds(labels, 5, 1)
    for a, b in zip(first, again, strict=True):
        for part_a, part_b in zip(a, b, strict=True):
            np.testing.assert_array_equal(part_a, part_b)
    assert any(set(a.test) != set(b.test) for a, b in zip(first, other, strict=True))


def test_classes_rarer_than_folds_give_no_warning() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert_partition(make_folds(single(30, 1, 2), 10, 0), 33)
    assert caught == []


@pytest.mark.parametrize("labels", [single(4, 3), [(0, 1), (0,), (), (0,), (0,)]], ids=["single", "multi"])
def test_too_many_folds_are_refused(labels: Labels) -> None:
    says = "n_folds=5 is more than the 4 documents of the largest class: choose n_folds=4 or less."
    with pytest.raises(DataError, match=f"^{re.escape(says)}$"):
        make_folds(labels, 5, 0)


def test_folds_are_pinned() -> None:
    """Old results can be reproduced only as long as the folds do not change."""
    assert [split.test.tolist() for split in make_folds(single(4, 3, 2), 3, 0)] == [
        [3, 7, 8],
        [1, 2, 5],
        [0, 4, 6],
    ]
    assert [split.test.tolist() for split in make_folds(multi(12, 3), 3, 0)] == [
        [3, 4, 5, 8],
        [0, 1, 2, 10],
        [6, 7, 9, 11],
    ]


@pytest.mark.parametrize("labels", [single(30, 20, 10), multi(60, 3)], ids=["single", "multi"])
def test_kept_folds_are_those_that_were_cut(labels: Labels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {seed: make_folds(labels, 5, seed) for seed in (0, 1)}
    for seed in (0, 1):
        np.testing.assert_equal(cached_folds(labels, 5, seed, tmp_path), wanted[seed])
    monkeypatch.setattr(folds, "_parts", None)
    for seed in (0, 1):
        np.testing.assert_equal(cached_folds(labels, 5, seed, tmp_path), wanted[seed])
    with pytest.raises(TypeError, match="not callable"):
        cached_folds(labels[::-1], 5, 0, tmp_path)


def test_a_damaged_cache_file_is_written_anew(tmp_path: Path) -> None:
    labels = single(10, 12)
    wanted = cached_folds(labels, 5, 0, tmp_path)
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    cut = [content[:length] for length in (0, 5, 40, len(content) - 1)]
    flipped = [content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :] for at in range(0, len(content), 3)]
    header = [content.replace(b"(22,)", shape) for shape in (b"(21,)", b"(2,11)", b"(22, )")]
    for damaged in (*cut, *flipped, *header):
        path.write_bytes(damaged)
        np.testing.assert_equal(cached_folds(labels, 5, 0, tmp_path), wanted)
