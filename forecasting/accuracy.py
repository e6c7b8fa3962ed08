"""How far forecasts are off, and whether they are any better than "tomorrow = today"."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import mean_absolute_error, mean_absolute_percentage_error, root_mean_squared_error

from datamodules.market.fold import Fold
from datamodules.market.windows import Floats


def errors(fold: Fold, forecasts: Floats, chosen: NDArray[np.int64]) -> dict[str, float]:
    """Errors of scaled forecasts `[n]` of the samples `chosen [n]`.

    rmse, mae            root-mean-square and mean absolute error, in the scaled units of the target
    rmse_dollars, mae_dollars   of the closes they mean
    mape                 mean absolute error as a percentage of the close
    """
    closes, truth = fold.dollars(forecasts, chosen), fold.close[chosen]
    return {
        "rmse": root_mean_squared_error(fold.targets[chosen], forecasts),
        "mae": mean_absolute_error(fold.targets[chosen], forecasts),
        "rmse_dollars": root_mean_squared_error(truth, closes),
        "mae_dollars": mean_absolute_error(truth, closes),
        "mape": 100 * mean_absolute_percentage_error(truth, closes),
    }


class Comparison(NamedTuple):
    """Forecasts beside persistence.

    Attributes:
        relative_rmse: their RMSE over that of persistence; below 1 is better.
        dm_p: two-sided p of `diebold_mariano`; nan for persistence itself.
        direction: share of days on which they foretell whether the close will rise or fall, of those on which they
            say so and it does; nan if there is none.
        direction_p: probability of that share or a larger one by tossing a coin, on every horizon-th of these days:
            what lies between shares steps with its neighbours, and is no toss of its own.
    """

    relative_rmse: float
    dm_p: float
    direction: float
    direction_p: float


def compare(truth: Floats, forecasts: Floats, persistence: Floats, horizon: int) -> Comparison:
    """Compare forecasts with persistence, all `[n]` in the same units and in the order of time.

    Args:
        truth: what came.
        forecasts: what was foretold.
        persistence: the forecast "the close will be the last close".
        horizon: steps between a forecast and what it foretells.
    """
    error, naive = forecasts - truth, persistence - truth
    foretold, came = np.sign(forecasts - persistence), np.sign(truth - persistence)
    said = (foretold != 0) & (came != 0)
    right = foretold == came
    tosses = right[::horizon][said[::horizon]]
    return Comparison(
        float(np.sqrt(np.mean(error**2) / np.mean(naive**2))),
        diebold_mariano(error, naive, horizon)[1],
        float(right[said].mean()) if said.any() else math.nan,
        _by_chance(int(tosses.sum()), len(tosses)),
    )


def _by_chance(hits: int, tosses: int) -> float:
    return float(stats.binomtest(hits, tosses, alternative="greater").pvalue) if tosses else math.nan


def diebold_mariano(errors: Floats, others: Floats, horizon: int) -> tuple[float, float]:
    """Statistic and two-sided p of the hypothesis that two forecasts have the same mean squared error.

    With d_t = e_t^2 - e'_t^2 over n steps, its autocovariances g_k and horizon h (Diebold and Mariano 1995):
        S = mean(d) / sqrt((g_0 + 2 (g_1 + ... + g_(h-1))) / n),
    corrected for small samples (Harvey, Leybourne and Newbold 1997, equation 9):
        S* = S sqrt((n + 1 - 2h + h (h - 1) / n) / n), compared with Student's t of n - 1 degrees of freedom.
    Negative S*: `errors` are the smaller ones. A sum of autocovariances that is not positive is replaced by g_0.
    nan where the two have the same squared errors, or no more than `horizon` steps.
    """
    d = errors**2 - others**2
    n = len(d)
    if n <= horizon or np.ptp(d) == 0:
        return math.nan, math.nan
    off = d - d.mean()
    covariances = [float(off[k:] @ off[: n - k]) / n for k in range(horizon)]
    variance = covariances[0] + 2 * sum(covariances[1:])
    if variance <= 0:
        variance = covariances[0]
    correction = (n + 1 - 2 * horizon + horizon * (horizon - 1) / n) / n
    statistic = float(d.mean() / np.sqrt(variance / n) * np.sqrt(correction))
    return statistic, float(2 * stats.t.sf(abs(statistic), n - 1))
