"""The leak audit of a user's own series: does an input know the value that is to be forecast?"""

from typing import NamedTuple

import numpy as np

from datamodules.market.panel import OwnSeries, Panel
from datamodules.market.windows import Floats

ENOUGH = 60  # periods
SUSPICIOUS = 0.7
"""Partial correlation. An honest leading indicator stays well below: temperature tells 0.3 of tomorrow's ice cream."""

MOST_LAGS = 12


class Leak(NamedTuple):
    """How much of a later value a column knows beyond the series' own past.

    Attributes:
        column: the input.
        ahead: periods from a value of the column to the value of the series that it knows best.
        correlation: partial correlation of the two, given the series' past values and the same period a season before.
    """

    column: str
    ahead: int
    correlation: float

    @property
    def suspicious(self) -> bool:
        """Whether the column nearly repeats, or reverses, what is to be forecast."""
        return abs(self.correlation) >= SUSPICIOUS


def audit_inputs(panel: Panel, horizon: int) -> list[Leak]:
    """Compare every input with the values 1 to horizon + 1 periods later; none if there are too few periods.

    A season alone makes inputs and later values correlate: so both are taken less what the past of the series tells,
    by least squares.
    """
    assert panel.own is not None
    target = panel.close.to_numpy(float)
    inputs = [str(name) for name in panel.features.columns if name != panel.close.name]
    if len(target) < ENOUGH:
        return []
    return [
        max((_leak(panel, target, name, ahead) for ahead in range(1, horizon + 2)), key=lambda leak: abs(leak[2]))
        for name in inputs
    ]


def sentences(leaks: list[Leak]) -> list[str]:
    """The verdicts in plain words: one for each suspicious column, one for all others."""
    found = [
        f"WARNING: the input {each.column} knows the value {each.ahead} ahead (partial correlation "
        f"{each.correlation:+.2f}, given the past of the series): is it known on that day? If not, leave it out by "
        "series.inputs=."
        for each in leaks
        if each.suspicious
    ]
    clean = [each for each in leaks if not each.suspicious]
    if clean:
        most = max(clean, key=lambda each: abs(each.correlation))
        found.append(
            f"No leak found in {len(clean)} input{'s' * (len(clean) > 1)}: {most.column} tells most of a later value, "
            f"{most.ahead} ahead, with a partial correlation of {most.correlation:+.2f} given the past of the series."
        )
    return found


def _leak(panel: Panel, target: Floats, column: str, ahead: int) -> Leak:
    assert panel.own is not None
    values = panel.features[column].to_numpy(float)
    parts = [_residuals(panel.own, rows, target, values, ahead) for rows in panel.own.blocks]
    later, known = (np.concatenate([part[place] for part in parts]) for place in (0, 1))
    if len(later) < ENOUGH // 2 or np.ptp(later) == 0 or np.ptp(known) == 0:
        return Leak(column, ahead, 0.0)
    return Leak(column, ahead, float(np.corrcoef(later, known)[0, 1]))


def _residuals(own: OwnSeries, rows: slice, target: Floats, values: Floats, ahead: int) -> tuple[Floats, Floats]:
    """Later values, and the column's, each less its regression on the past of one series, divided by its deviation."""
    y, x, there = target[rows], values[rows], own.observed[rows]
    lags = [*range(min(MOST_LAGS, len(y) // 10)), *([own.season - ahead] if own.season > ahead else [])]
    first = max([0, *lags])
    origins = np.arange(first, len(y) - ahead)
    origins = origins[there[origins] & there[origins + ahead]] if len(origins) else origins
    if len(origins) < 3 * (len(lags) + 1):
        return np.empty(0), np.empty(0)
    past = np.column_stack([np.ones(len(origins)), *(y[origins - lag] for lag in dict.fromkeys(lags))])
    both = np.column_stack([y[origins + ahead], x[origins]])
    left = both - past @ np.linalg.lstsq(past, both, rcond=None)[0]
    size = np.abs(both).max(0)
    spread = left.std(0)
    if (spread <= 1e-9 * size).any():
        return np.empty(0), np.empty(0)
    return left[:, 0] / spread[0], left[:, 1] / spread[1]
