"""Windows over a table of days, and their split into training, validation and test part."""

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from datamodules.errors import DataError
from datamodules.split import Split

Floats = NDArray[np.float64]

HELD_OUT = 0.2  # of the rows; assumed: the paper does not state its split


class Samples(NamedTuple):
    """S = N - window - horizon + 1 samples of N rows, in the order of time.

    Sample i sees the rows i to i + window - 1. The last of them is its origin, the day on which the forecast is made;
    it forecasts the row `horizon` rows after its origin.

    Attributes:
        inputs: `[S, window, F]`, a view of the table.
        origins: `[S]`, row number of each origin.
        targets: `[S]`, row number of each forecast row: origins + horizon.
    """

    inputs: Floats
    origins: NDArray[np.int64]
    targets: NDArray[np.int64]


def make_samples(table: Floats, window: int, horizon: int) -> Samples:
    """Cut all windows of a table `[N, F]`.

    Raises:
        DataError: `window` or `horizon` is below 1, or there are too few rows.
    """
    for key, value in (("window", window), ("horizon", horizon)):
        if value < 1:
            raise DataError(f"{key}={value}: give a whole number, 1 or more.")
    count = len(table) - window - horizon + 1
    if count < 1:
        raise DataError(f"window={window} with horizon={horizon} needs more than the {len(table)} rows there are.")
    origins = np.arange(count) + window - 1
    inputs = sliding_window_view(table, window, axis=0)[:count].transpose(0, 2, 1)
    return Samples(inputs, origins, origins + horizon)


def paper_split(count: int, rows: int, horizon: int) -> Split:
    """The assumed chronological 80/20 split: the last fifth of the rows is forecast, earlier rows train.

    The cut is a day, the same for all windows, so that Tables 1 to 3 are scored on the same 260 days of 1304. The
    paper states neither the share nor the order, and has no third part: validation and test are the same samples.
    With too few samples, a part is empty.
    """
    held_out = np.arange(max(0, count - int(HELD_OUT * rows)), count)
    return Split(_before(held_out, horizon), held_out, held_out)


def walk_forward_splits(count: int, horizon: int, n_folds: int) -> list[Split]:
    """Expanding-window splits: the later half of the samples in `n_folds` test blocks, each with all earlier samples.

    The last fifth of the earlier samples is the validation part, the rest the training part. If the horizon leaves too
    few samples before a block, its parts are empty.

    Raises:
        DataError: there are too few samples for so many folds.
    """
    block = count // (2 * n_folds)
    if block < 1:
        raise DataError(f"n_folds={n_folds} is too many for {count} samples: choose {max(1, count // 2)} or less.")
    splits = []
    for start in range(count - n_folds * block, count, block):
        test = np.arange(start, start + block)
        past = _before(test, horizon)
        val = past[len(past) - int(HELD_OUT * len(past)) :]
        splits.append(Split(_before(val, horizon), val, test))
    return splits


def _before(later: NDArray[np.int64], horizon: int) -> NDArray[np.int64]:
    """The samples whose targets are known on the day on which the first of `later` is forecast."""
    return np.arange(max(0, later[0] - (horizon - 1))) if len(later) else later
