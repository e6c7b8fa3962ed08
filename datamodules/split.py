"""Training, validation and test part of any data."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


class Split(NamedTuple):
    """Numbers of the samples of each part, rising."""

    train: Rows
    val: Rows
    test: Rows
