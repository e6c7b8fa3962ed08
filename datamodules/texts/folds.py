"""Stratified folds of a corpus. They depend on the labels, the number of folds and the split seed only."""

import warnings

import numpy as np
from numpy.typing import NDArray

from datamodules.errors import DataError
from datamodules.split import Rows, Split
from datamodules.texts.corpora import one_hot


def make_folds(labels: list[tuple[int, ...]], n_folds: int, split_seed: int) -> list[Split]:
    """Cut the documents into `n_folds` parts with the same mix of classes, and make one split per part.

    Fold k tests on part k, validates on part k + 1 (the last fold on part 0) and trains on the rest, so that every
    document is tested once. Ten folds give the paper's 80-10-10.

    Args:
        labels: the class numbers of each document.
        n_folds: at least 3.
        split_seed: seed of the partition; unrelated to the seed of a run.

    Raises:
        DataError: more folds than documents in the largest class.
    """
    targets = one_hot(labels, 1 + max((number for label in labels for number in label), default=0))
    largest = int(targets.sum(0).max())
    if n_folds > largest:
        raise DataError(
            f"n_folds={n_folds} is more than the {largest} documents of the largest class: "
            f"choose n_folds={largest} or less."
        )
    splitter = _by_class if (targets.sum(1) == 1).all() else _by_label
    part = np.empty(len(labels), int)
    for number, rows in enumerate(splitter(targets, n_folds, split_seed)):
        part[rows] = number
    splits = []
    for number in range(n_folds):
        test, val = part == number, part == (number + 1) % n_folds
        splits.append(Split(*(np.flatnonzero(rows) for rows in (~(test | val), val, test))))
    return splits


def _by_class(targets: NDArray[np.float32], n_folds: int, split_seed: int) -> list[Rows]:
    from sklearn.model_selection import StratifiedKFold

    splitter = StratifiedKFold(n_folds, shuffle=True, random_state=split_seed)
    with warnings.catch_warnings():
        # MLMA has classes with a single document: most parts lack them, and the report says so.
        warnings.filterwarnings("ignore", "The least populated class in y", UserWarning)
        return [test for _, test in splitter.split(targets, targets.argmax(1))]


def _by_label(targets: NDArray[np.float32], n_folds: int, split_seed: int) -> list[Rows]:
    from iterstrat.ml_stratifiers import MultilabelStratifiedKFold

    splitter = MultilabelStratifiedKFold(n_folds, shuffle=True, random_state=split_seed)
    without = targets.sum(1, keepdims=True) == 0  # documents without a class are spread evenly as if they were a class
    return [test for _, test in splitter.split(targets, np.hstack([targets, without]))]
