"""Stratified folds of a corpus. They depend on the labels, the number of folds and the split seed only."""

import hashlib
import json
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datamodules.errors import DataError
from datamodules.files import replacing
from datamodules.split import Rows, Split
from datamodules.texts.corpora import one_hot


def make_folds(labels: list[tuple[int, ...]], n_folds: int, split_seed: int) -> list[Split]:
    """Cut the documents into `n_folds` parts with the same mix of classes, and make one split per part.

    Fold k tests on part k, validates on part k + 1 (the last fold on part 0) and trains on the rest, so that every
    document is tested once. Ten folds give the paper's 80-10-10.

    Args:
        labels: the class numbers of each document.
        n_folds: at least 3.
        split_seed: seed of the partition, see `conf.kinds.partition_seed`.

    Raises:
        DataError: more folds than documents in the largest class.
    """
    return _splits(_parts(labels, n_folds, split_seed), n_folds)


def cached_folds(labels: list[tuple[int, ...]], n_folds: int, split_seed: int, cache_dir: Path) -> list[Split]:
    """Cut folds as `make_folds` does, once for the same arguments and versions of the libraries.

    Importing these takes longer than training a small net.

    Raises:
        DataError: as `make_folds`, or `cache_dir` cannot be written.
    """
    libraries = [version(name) for name in ("scikit-learn", "iterative-stratification", "numpy")]
    key = hashlib.sha256(json.dumps([labels, n_folds, split_seed, libraries]).encode())
    path = cache_dir / f"folds-{key.hexdigest()[:32]}.npy"
    if (kept := _kept_parts(path, len(labels), n_folds)) is not None:
        return _splits(kept, n_folds)
    parts = _parts(labels, n_folds, split_seed)
    try:
        with replacing(path) as temporary, open(temporary, "wb") as file:
            np.save(file, parts)
    except OSError as error:
        raise DataError(f"{path} cannot be written ({error.strerror}): choose another cache_dir.") from error
    return _splits(parts, n_folds)


def _parts(labels: list[tuple[int, ...]], n_folds: int, split_seed: int) -> NDArray[np.int64]:
    """The number of the part that each document is in, `[N]`."""
    targets = one_hot(labels, 1 + max((number for label in labels for number in label), default=0))
    largest = int(targets.sum(0).max())
    if n_folds > largest:
        raise DataError(
            f"n_folds={n_folds} is more than the {largest} documents of the largest class: "
            f"choose n_folds={largest} or less."
        )
    splitter = _by_class if (targets.sum(1) == 1).all() else _by_label
    parts = np.empty(len(labels), np.int64)
    for number, rows in enumerate(splitter(targets, n_folds, split_seed)):
        parts[rows] = number
    return parts


def _kept_parts(path: Path, documents: int, n_folds: int) -> NDArray[np.int64] | None:
    """The parts in a file of the cache; None if there is no such file or it is damaged."""
    try:
        parts = np.load(path, allow_pickle=False)
    except Exception:  # missing, cut, or other bits: NumPy lets errors of Python's parser through
        return None
    whole = parts.shape == (documents,) and parts.dtype == np.int64 and ((parts >= 0) & (parts < n_folds)).all()
    return parts if whole else None


def _splits(parts: NDArray[np.int64], n_folds: int) -> list[Split]:
    splits = []
    for number in range(n_folds):
        test, val = parts == number, parts == (number + 1) % n_folds
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
