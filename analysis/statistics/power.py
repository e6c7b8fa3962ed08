"""Power: how many splits would tell an improvement from a bound, and which improvement these splits could have told."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from analysis.statistics.significance import ALPHA

POWER = 0.8
"""The probability with which the promised number of runs decides, if the truth is what the claim, or the measurement,
says."""

MOST_RUNS = 100_000
"""A larger number of runs is not worth promising."""

FEWEST_SPLITS = 5
"""With fewer the spread over splits is known to no better than half of itself: over two splits it may be nearly 0 by
chance, and then any improvement would seem to be found."""


class Effect(NamedTuple):
    """A mean over data sets of mean improvements, in percent.

    Attributes:
        mean, low, high: the mean, and its 95% interval (NaN with one split only).
        sd: standard deviation over splits, for each data set.
        ratio: n_test / n_train, for each data set.
    """

    mean: float
    low: float
    high: float
    sd: Sequence[float]
    ratio: Sequence[float]


def runs_needed(effect: Effect, distance: float, tests: int = 1) -> int | None:
    """Splits of each data set with which a mean that lies `distance` from a bound is told from it.

    The least n for which the two-sided test at 5% has 80% power, from the variance observed here: the standard error
    after n splits is that of `significance.corrected_t_test` and `averages.averages`,

        se(n)^2 = sum (1 / n + ratio_k) sd_k^2 / K^2,

    which never falls below its value without 1 / n.

    Args:
        effect: what was measured.
        distance: of its mean, or of the claimed one, from the bound; in percent.
        tests: as in `least_detectable`.

    Returns:
        n, 2 or more; or None if no number of runs decides, or none below 100,000.
    """
    n, most = 2, MOST_RUNS
    if _power(effect, distance, most, ALPHA / tests) < POWER:
        return None
    while n < most:  # power rises with n: halve the interval
        middle = (n + most) // 2
        n, most = (n, middle) if _power(effect, distance, middle, ALPHA / tests) >= POWER else (middle + 1, most)
    return n


def least_detectable(se: float, df: float, tests: int = 1) -> float:
    """The improvement that a two-sided t-test finds with 80% power: smaller ones are missed more often.

        P(|T| > t_(1 - alpha / 2)) = 0.8,  T noncentral t with `df` degrees of freedom, noncentrality improvement / se

    The chance of a significant result of the other sign is left out; it is below 1e-5.

    Args:
        se: standard error of a mean improvement, in percent; NaN gives NaN.
        df: degrees of freedom.
        tests: alpha is 5% over this number: with 17 that of the first step of Holm's correction over 17 alterations.
    """
    from scipy.optimize import brentq

    if not (np.isfinite(se) and df > 0):
        return float("nan")
    return float(se * brentq(lambda noncentrality: _chance(noncentrality, df, ALPHA / tests) - POWER, 0, 1e5))


def _power(effect: Effect, distance: float, n: int, alpha: float) -> float:
    variances = (1 / n + np.asarray(effect.ratio)) * np.asarray(effect.sd) ** 2
    if not np.isfinite(variances).all():
        return 0.0
    if not variances.any():
        return float(distance != 0)
    se = np.sqrt(variances.sum()) / len(variances)
    df = variances.sum() ** 2 / (variances**2 / (n - 1)).sum()
    return _chance(abs(distance) / se, df, alpha)


def _chance(noncentrality: float, df: float, alpha: float) -> float:
    """The chance of a two-sided t-test to be significant on the side of the truth."""
    from scipy.stats import nct, norm, t

    critical = t.ppf(1 - alpha / 2, df)
    if df > 1000:  # scipy's noncentral t loses its digits there, and the normal distribution is as good
        return float(norm.sf(critical - noncentrality))
    return float(nct.sf(critical, df, noncentrality))
