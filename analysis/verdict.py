"""When a claim of the paper counts as reproduced, and how many runs would tell."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from analysis.compare import ALPHA

REPRODUCED, NOT_REPRODUCED, NOT_DECIDABLE = "reproduced", "not reproduced", "not decidable"
IN_SIGN = "reproduced in sign only"
"""The effect is there, and so much greater than was claimed that the claimed number is out of the question."""

VERDICTS = (REPRODUCED, IN_SIGN, NOT_REPRODUCED, NOT_DECIDABLE)

POWER = 0.8
"""How often the promised number of runs would decide, if the truth is what the claim, or what was measured, says."""

MOST_RUNS = 100_000
"""More runs than that are no number to promise."""


class Effect(NamedTuple):
    """A mean over data sets of mean improvements, in percent.

    Attributes:
        mean, low, high: it, and its 95 % interval (NaN with one pair of runs only).
        sd: standard deviation over pairs of runs, of each data set.
        ratio: n_test / n_train, of each data set.
    """

    mean: float
    low: float
    high: float
    sd: Sequence[float]
    ratio: Sequence[float]


def verdict_on_number(effect: Effect, claimed: float) -> str:
    """The verdict on "it improves by `claimed` percent"; a negative number is a loss.

    With the 95 % interval of the improvement that was measured:

    - not reproduced: the whole interval falls short of the claimed number,
    - reproduced in sign only: the whole interval lies beyond the claimed number,
    - reproduced: it holds the claimed number, and all of it is on that number's side of 0,
    - not decidable: it holds both 0 and the claimed number (or there is no interval).
    """
    low, high = (effect.low, effect.high) if claimed > 0 else (-effect.high, -effect.low)
    if not np.isfinite([low, high]).all():
        return NOT_DECIDABLE
    if high < abs(claimed):
        return NOT_REPRODUCED
    if low > abs(claimed):
        return IN_SIGN
    return REPRODUCED if low > 0 else NOT_DECIDABLE


def verdict_on_bound(effect: Effect, bound: float) -> str:
    """The verdict on "it is below `bound`": reproduced if the whole interval is, not reproduced if none of it is."""
    if not np.isfinite([effect.low, effect.high]).all():
        return NOT_DECIDABLE
    if effect.high < bound:
        return REPRODUCED
    return NOT_REPRODUCED if effect.low >= bound else NOT_DECIDABLE


def runs_needed(effect: Effect, distance: float) -> int | None:
    """Pairs of runs on each data set with which a mean that lies `distance` from a bound is told from it.

    The least n for which the two-sided test at 5 % has 80 % power, from the variance observed here: the standard error
    after n pairs is that of `compare.corrected_t_test` and `compare.averages`,

        se(n)^2 = sum (1 / n + ratio_k) sd_k^2 / K^2,

    which never falls below its value without 1 / n.

    Returns:
        n, 2 or more; or None if no number of runs decides, or none below 100,000.
    """
    n, most = 2, MOST_RUNS
    if _power(effect, distance, most) < POWER:
        return None
    while n < most:  # power rises with n: halve the interval
        middle = (n + most) // 2
        n, most = (n, middle) if _power(effect, distance, middle) >= POWER else (middle + 1, most)
    return n


def _power(effect: Effect, distance: float, n: int) -> float:
    from scipy.stats import nct, norm, t

    variances = (1 / n + np.asarray(effect.ratio)) * np.asarray(effect.sd) ** 2
    if not np.isfinite(variances).all():
        return 0.0
    if not variances.any():
        return float(distance != 0)
    se = np.sqrt(variances.sum()) / len(variances)
    df = variances.sum() ** 2 / (variances**2 / (n - 1)).sum()
    critical = t.ppf(1 - ALPHA / 2, df)
    if df > 1000:  # scipy's noncentral t loses its digits there, and the normal distribution is as good
        return float(norm.sf(critical - abs(distance) / se))
    return float(nct.sf(critical, df, abs(distance) / se))
