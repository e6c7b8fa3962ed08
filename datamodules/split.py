"""The training, validation and test part of a data set."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


class Split(NamedTuple):
    """Row numbers of the samples of each part, in rising order."""

    train: Rows
    val: Rows
    test: Rows
