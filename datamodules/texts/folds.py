"""Stratified folds of a corpus. They depend on the labels, groups, given parts, number of folds and split seed only."""

import hashlib
import json
import warnings
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from conf.kinds import validation_part
from datamodules.caches import read_kept
from datamodules.errors import DataError
from datamodules.files import replacing
from datamodules.split import Rows, Split
from datamodules.texts.corpora import one_hot

GIVEN_TRAIN, GIVEN_VAL, GIVEN_TEST = -1, -2, -3
"""Stand for the number of a part where a document's part is given and no fold's."""

FEWEST_FOLDS = 3
"""One to test, one to validate, one to train."""

_GIVEN = {"val": GIVEN_VAL, "test": GIVEN_TEST}

MOST_MIXES = 50
"""Mixes of classes by which groups are stratified; rarer ones count as one."""


def make_folds(
    labels: list[tuple[int, ...]],
    n_folds: int,
    split_seed: int,
    groups: list[int] | None = None,
    given: list[str] | None = None,
) -> list[Split]:
    """Cut the documents into `n_folds` parts with the same mix of classes, and make one split per part.

    Fold k tests on part k, validates on part k + 1 (the last fold on part 0) and trains on the rest, so that every
    document is tested once. Ten folds give the paper's 80-10-10.

    Documents of a given test or validation part are in that part of every fold, and the folds cut the others: with a
    given test part, fold k validates on part k. If both parts are given, all folds are the same.

    Args:
        labels: the class numbers of each document.
        n_folds: at least 3.
        split_seed: seed of the partition, see `conf.kinds.partition_seed`.
        groups: the number of each document's group, none of which the folds tear apart; None: there are no groups.
        given: the given part of each document, "train", "val" or "test"; None: none is given.

    Raises:
        DataError: more folds than documents in the largest class, or than groups.
    """
    return _splits(_parts(labels, n_folds, split_seed, groups, given), n_folds)


def cached_folds(
    labels: list[tuple[int, ...]],
    n_folds: int,
    split_seed: int,
    cache_dir: Path,
    groups: list[int] | None = None,
    given: list[str] | None = None,
) -> list[Split]:
    """Cut folds as `make_folds` does, once for the same arguments and versions of the libraries.

    Importing these takes longer than training a small net.

    Raises:
        DataError: as `make_folds`, or `cache_dir` cannot be written.
    """
    libraries = [version(name) for name in ("scikit-learn", "iterative-stratification", "numpy")]
    own = [] if groups is None and given is None else [groups, given]
    key = hashlib.sha256(json.dumps([labels, n_folds, split_seed, libraries, *own]).encode())
    path = cache_dir / f"folds-{key.hexdigest()[:32]}.npz"
    if (there := _kept_parts(path, len(labels), n_folds)) is not None:
        return _splits(there, n_folds)
    parts = _parts(labels, n_folds, split_seed, groups, given)
    try:
        with replacing(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, parts=parts)
    except OSError as error:
        raise DataError(f"{path} cannot be written ({error.strerror}): choose another cache_dir.") from error
    return _splits(parts, n_folds)


def _parts(
    labels: list[tuple[int, ...]], n_folds: int, split_seed: int, groups: list[int] | None, given: list[str] | None
) -> NDArray[np.int64]:
    """The number of the part that each document is in, `[N]`; negative where it is given."""
    parts = np.array([_GIVEN.get(part, 0) for part in given or [""] * len(labels)], np.int64)
    free = np.flatnonzero(parts == 0)
    if {GIVEN_VAL, GIVEN_TEST} <= {*parts.tolist()}:
        parts[free] = GIVEN_TRAIN
        return parts
    own = [labels[row] for row in free]
    targets = one_hot(own, 1 + max((number for label in own for number in label), default=0))
    largest = int(targets.sum(0).max())
    if largest < FEWEST_FOLDS:
        raise DataError(
            f"no class has more than {largest} of {len(own):,} documents, too few for {FEWEST_FOLDS} folds; is "
            "the column of the classes the right one?"
        )
    if n_folds > largest:
        raise DataError(
            f"n_folds={n_folds} is more than the {largest} documents of the largest class: "
            f"choose n_folds={largest} or less."
        )
    if groups is not None:
        tests = _by_group(own, n_folds, split_seed, np.array(groups)[free])
    else:
        tests = (_by_class if (targets.sum(1) == 1).all() else _by_label)(targets, n_folds, split_seed)
    for number, rows in enumerate(tests):
        parts[free[rows]] = number
    return parts


def _kept_parts(path: Path, documents: int, n_folds: int) -> NDArray[np.int64] | None:
    """The parts in a file of the cache; None if there is no such file or it is damaged."""

    def read(file: BinaryIO) -> NDArray[np.int64]:
        with np.load(file, allow_pickle=False) as arrays:  # compares checksums, which an .npy has not
            parts: NDArray[np.int64] = arrays["parts"]
        if parts.shape != (documents,) or not ((parts >= GIVEN_TEST) & (parts < n_folds)).all():
            raise ValueError(path)
        return parts

    return read_kept(path, read)


def _splits(parts: NDArray[np.int64], n_folds: int) -> list[Split]:
    val_given, test_given = (bool((parts == part).any()) for part in (GIVEN_VAL, GIVEN_TEST))
    splits = []
    for number in range(n_folds):
        following = number if test_given else validation_part(number, n_folds)
        test = parts == (GIVEN_TEST if test_given else number)
        val = parts == (GIVEN_VAL if val_given else following)
        splits.append(Split(*(np.flatnonzero(rows) for rows in (~(test | val), val, test))))
    return splits


def _by_group(labels: list[tuple[int, ...]], n_folds: int, split_seed: int, groups: Rows) -> list[Rows]:
    """Parts that tear no group apart; each mix of classes is spread as evenly as that allows."""
    from sklearn.model_selection import StratifiedGroupKFold

    sizes = np.bincount(groups)
    if (number := np.count_nonzero(sizes)) < n_folds:
        raise DataError(f"n_folds={n_folds} is more than the {number} groups of data.group: choose fewer folds.")
    common = {mix: place for place, (mix, _) in enumerate(Counter(labels).most_common(MOST_MIXES))}
    mixes = np.array([common.get(label, MOST_MIXES) for label in labels])
    if np.bincount(mixes).max() < n_folds:  # no mix can be spread
        mixes = np.zeros_like(mixes)
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=split_seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class in y", UserWarning)
        tests = [test for _, test in splitter.split(mixes, mixes, groups)]
    if min(map(len, tests)) == 0:
        raise DataError(
            f"n_folds={n_folds}: the largest group of data.group has {sizes.max():,} of {len(labels):,} documents, so "
            "that a fold gets none; choose fewer folds."
        )
    return tests


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
