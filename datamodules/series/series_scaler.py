"""Scaling where each series has its own size."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.market.scalers import learned_state, restore
from datamodules.market.windows import Floats

Ids = NDArray[np.int64]


class SeriesScaler:
    """A scaler of scikit-learn's for each of K series: a shop that sells ten a day beside one that sells ten thousand.

    Args:
        make: makes one that is not fitted.

    Attributes:
        scalers: one for each series; None for a series without a row to learn from.
    """

    def __init__(self, make: Callable[[], Any]):
        self.make = make
        self.scalers: list[Any] = []

    def fit(self, values: Floats, ids: Ids, count: int) -> "SeriesScaler":
        """Learn from `values [n, F]` of the series `ids [n]`, out of `count`."""
        rows = [values[ids == k] for k in range(count)]
        self.scalers = [self.make().fit(own) if len(own) else None for own in rows]
        return self

    def transform(self, values: Floats, ids: Ids) -> Floats:
        """Scaled `values [n, F]` of the series `ids [n]`; NaN where nothing was learnt."""
        return self._each(values, ids, "transform")

    def inverse_transform(self, values: Floats, ids: Ids) -> Floats:
        """The inverse of `transform`."""
        return self._each(values, ids, "inverse_transform")

    @property
    def state(self) -> list[dict[str, Any] | None]:
        """The learnt numbers, as plain data; `restored` reverses it."""
        return [None if each is None else learned_state(each) for each in self.scalers]

    @classmethod
    def restored(cls, make: Callable[[], Any], state: list[dict[str, Any] | None]) -> "SeriesScaler":
        """A scaler that has learnt what another one has."""
        scaler = cls(make)
        scaler.scalers = [None if each is None else restore(make(), each) for each in state]
        return scaler

    def _each(self, values: Floats, ids: Ids, method: str) -> Floats:
        result = np.full(values.shape, np.nan)
        for k, scaler in enumerate(self.scalers):
            rows = ids == k
            if scaler is not None and rows.any():
                result[rows] = getattr(scaler, method)(values[rows])
        return result
