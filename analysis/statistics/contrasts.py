"""Contrasts of mean errors on the market, such as "with sentiment less without": over seeds, and over days.

Two kinds of chance are kept apart. Other seeds give other nets on the same days; other days would have given other
errors of the same nets. An interval over one says nothing about the other.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.statistics.significance import ALPHA, t_test

Floats = NDArray[np.float64]

RESAMPLES = 2000
ENOUGH_DAYS = 30  # with fewer, blocks of days say nothing about other days
SEED = 0

METRICS: Mapping[str, Callable[[Floats], Floats]] = {
    "rmse": lambda errors: np.sqrt(np.mean(errors**2, axis=-1)),
    "mae": lambda errors: np.mean(np.abs(errors), axis=-1),
}
"""Errors `[..., days]` -> their mean size `[...]`."""


class Field(NamedTuple):
    """A field of Tables 1-3."""

    window: int
    features: str
    model: str


class Spread(NamedTuple):
    """A contrast and its 95% intervals; NaN where there are too few seeds or days to tell.

    Attributes:
        mean, sd: over seeds.
        n: number of seeds that all its fields share.
        low, high: interval over seeds, by Student's t: the differences of one seed are a pair.
        p: two-sided p of the same test.
        days_low, days_high: interval over days: the mean over these seeds, on resampled days.
    """

    mean: float
    sd: float
    n: int
    low: float
    high: float
    p: float
    days_low: float
    days_high: float


class Contrasts:
    """Sums of mean errors of fields, each with a weight.

    Args:
        errors: for each field its errors, forecast less truth, in scaled units: a row for each seed, a column for each
            day; all on the same days.
    """

    def __init__(self, errors: Mapping[Field, pd.DataFrame]):
        self.errors = errors
        self._resampled: dict[tuple[Field, str, tuple[int, ...]], Floats] = {}

    def why_not(self, weights: Mapping[Field, float]) -> str:
        """Why there is no contrast of these fields; empty if there is one."""
        missing = [field for field in weights if field not in self.errors]
        if missing:
            return f"{len(missing)} of {len(weights)} fields missing"
        return "" if self._seeds(weights) else "no seed in common"

    def spread(self, weights: Mapping[Field, float], metric: str) -> Spread:
        """The contrast: the sum of weight times mean error.

        Args:
            weights: of fields for which `why_not` is empty.
            metric: one of METRICS.
        """
        seeds = self._seeds(weights)
        values = np.zeros(len(seeds))
        resampled = np.zeros(len(self._days))
        for field, weight in weights.items():
            values += weight * METRICS[metric](self.errors[field].loc[seeds].to_numpy())
            resampled += weight * self._on_resampled_days(field, metric, tuple(seeds))
        n, mean = len(values), values.mean()
        sd = values.std(ddof=1) if n > 1 else np.float64(np.nan)
        test = t_test(*(np.asarray(each, float) for each in (mean, sd / np.sqrt(n), n - 1 if n > 1 else np.nan)))
        low, high = np.quantile(resampled, [ALPHA / 2, 1 - ALPHA / 2]) if len(resampled) else (np.nan, np.nan)
        return Spread(
            float(mean), float(sd), n, float(test.low), float(test.high), float(test.p), float(low), float(high)
        )

    @cached_property
    def days(self) -> "pd.Index[str]":
        """The days of all errors."""
        return next(iter(self.errors.values())).columns

    @cached_property
    def block(self) -> int:
        """The mean length of a block of days: the median over fields of what Politis and White (2004) choose.

        0 if there are fewer than ENOUGH_DAYS days.
        """
        if len(self.days) < ENOUGH_DAYS:
            return 0
        from arch.bootstrap import optimal_block_length  # takes a second to import

        squares = np.column_stack([(table.to_numpy() ** 2).mean(axis=0) for table in self.errors.values()])
        squares = squares[:, np.ptp(squares, axis=0) > 0]
        lengths = optimal_block_length(squares)["stationary"] if squares.size else pd.Series([1.0])
        return max(1, round(float(lengths.median())))

    @cached_property
    def _days(self) -> NDArray[np.int64]:
        """Column numbers of resampled days `[RESAMPLES, days]`; no rows if there are fewer than ENOUGH_DAYS days.

        The stationary bootstrap (Politis and Romano 1994): errors of neighbouring days are alike, so days are drawn in
        blocks of random length, the same for all fields.
        """
        count = len(self.days)
        if not self.block:
            return np.empty((0, count), np.int64)
        from arch.bootstrap import StationaryBootstrap  # takes a second to import

        drawn = StationaryBootstrap(self.block, np.arange(count), seed=SEED).bootstrap(RESAMPLES)
        return np.array([positional[0] for positional, _ in drawn])

    def _seeds(self, weights: Mapping[Field, float]) -> list[int]:
        """The seeds that all of these fields have."""
        return sorted(set.intersection(*(set(self.errors[field].index) for field in weights)))

    def _on_resampled_days(self, field: Field, metric: str, seeds: tuple[int, ...]) -> Floats:
        """The mean error of a field over these seeds on each resample `[RESAMPLES]`."""
        key = (field, metric, seeds)
        if key not in self._resampled:
            tables = self.errors[field].loc[list(seeds)].to_numpy()
            self._resampled[key] = np.mean([METRICS[metric](errors[self._days]) for errors in tables], axis=0)
        return self._resampled[key]
