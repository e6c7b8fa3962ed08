"""Intervals by split conformal prediction, and how often later values lay inside."""

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from datamodules.market.fold import Fold
from datamodules.market.windows import Floats

LEVELS = (0.8, 0.9, 0.95)


def half_width(errors: Floats, level: float) -> float:
    """Half the width of the interval around a forecast: the ceil((n + 1) level)-th smallest of n absolute errors.

    If the next error is exchangeable with these, it is not larger with a probability of at least `level` (Papadopoulos
    et al. 2002; Lei et al. 2018). Errors in time seldom are, so the coverage is measured. NaN if n is too small.
    """
    rank = math.ceil((len(errors) + 1) * level)
    return float(np.sort(np.abs(errors))[rank - 1]) if rank <= len(errors) else math.nan


def backtest_parts(fold: Fold) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The samples whose errors give the width, and the later ones on which the coverage is measured.

    The validation and the test part; where these are one, its earlier and its later half. The errors of the former are
    all known when the first of the latter is forecast.
    """
    if "test" in fold.parts:
        return fold.split.val, fold.split.test
    held_out, clock = fold.split.test, fold.clock
    later = clock[held_out] > np.median(clock[held_out])
    first = int(clock[held_out][later].min()) if later.any() else 0
    horizon = int(fold.samples.targets[0] - fold.samples.origins[0])
    return held_out[clock[held_out] <= first - horizon], held_out[later]


def intervals(fold: Fold, forecasts: dict[str, Floats]) -> pd.DataFrame:
    """A row for each forecast and each of LEVELS.

    Args:
        fold: with the truth.
        forecasts: by name, scaled, `[S]`.

    Returns:
        Columns forecast, level; half_width, scaled; calibrated_on: number of errors behind it; coverage: the share of
        the later values that lay inside; periods: their number; width: mean width there, in the target's unit.
    """
    calibrating, measuring = backtest_parts(fold)
    rows = []
    for name, values in forecasts.items():
        errors = values - fold.targets
        for level in LEVELS:
            half = half_width(errors[calibrating], level)
            low, high = (fold.unscaled(values[measuring] + side * half, measuring) for side in (-1, 1))
            inside = np.abs(errors[measuring]) <= half
            measured = len(measuring) > 0 and not math.isnan(half)
            rows.append(
                {
                    "forecast": name,
                    "level": level,
                    "half_width": half,
                    "calibrated_on": len(calibrating),
                    "coverage": float(inside.mean()) if measured else math.nan,
                    "periods": len(measuring),
                    "width": float((high - low).mean()) if measured else math.nan,
                }
            )
    return pd.DataFrame(rows)
