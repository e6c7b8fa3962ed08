"""Windows over a table, and the splits of both protocols."""

import numpy as np
import pytest

from datamodules.errors import DataError
from datamodules.market.windows import make_samples, paper_split, walk_forward_splits


@pytest.mark.parametrize(("window", "horizon"), [(1, 1), (3, 1), (3, 2), (9, 1), (1, 9)])
def test_windows_by_hand(window: int, horizon: int) -> None:
    table = np.arange(20.0).reshape(10, 2)
    found = make_samples(table, window, horizon)
    assert found.inputs.shape == (10 - window - horizon + 1, window, 2)
    for i, (inputs, origin, target) in enumerate(zip(*found, strict=True)):
        assert inputs.tolist() == table[i : i + window].tolist()
        assert inputs[-1].tolist() == table[origin].tolist()
        assert target == origin + horizon
    assert found.targets[-1] == 9


@pytest.mark.parametrize(
    ("window", "horizon", "message"),
    [(0, 1, "window=0"), (1, 0, "horizon=0"), (9, 2, "window=9 with horizon=2 needs more than the 10 rows")],
)
def test_impossible_windows_are_refused(window: int, horizon: int, message: str) -> None:
    with pytest.raises(DataError, match=message):
        make_samples(np.zeros((10, 2)), window, horizon)


@pytest.mark.parametrize("horizon", [1, 5])
def test_the_papers_split_is_of_rows_and_trains_on_known_targets_only(horizon: int) -> None:
    window, rows = 7, 103
    count = rows - window - horizon + 1
    split = paper_split(count, rows, horizon)
    targets = np.arange(count) + window - 1 + horizon
    assert targets[split.val].tolist() == list(range(83, 103))  # a fifth of the rows
    assert split.test is split.val
    assert split.train.tolist() == list(range(split.train[-1] + 1))
    assert targets[split.train[-1]] == split.val[0] + window - 1  # known on the day of the first forecast


@pytest.mark.parametrize("horizon", [1, 5])
def test_walk_forward_splits_test_the_later_half_once(horizon: int) -> None:
    splits = walk_forward_splits(203, horizon, n_folds=10)
    assert np.concatenate([split.test for split in splits]).tolist() == list(range(103, 203))
    for split in splits:
        assert split.train[0] == 0
        assert len(split.val) == pytest.approx(0.25 * len(split.train), abs=3 + horizon)
        for earlier, later in ((split.train, split.val), (split.val, split.test)):
            assert later[0] - earlier[-1] == horizon


def test_too_few_samples_for_so_many_folds_are_refused() -> None:
    with pytest.raises(DataError, match="n_folds=10 is too many for 19 samples: choose 9 or less"):
        walk_forward_splits(19, 1, 10)
