"""Errors of forecasts, and tests whether they are better than persistence ("tomorrow = today")."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import mean_absolute_error, mean_absolute_percentage_error, root_mean_squared_error

from datamodules.market.fold import Fold
from datamodules.market.windows import Floats

LARGEST = 1e150
"""A forecast whose square is a finite number."""


def forecast_errors(fold: Fold, forecasts: Floats, chosen: NDArray[np.int64]) -> dict[str, float]:
    """Errors of scaled forecasts `[n]` of the samples `chosen [n]`.

    Returns:
        rmse, mae: root-mean-square and mean absolute error, in the scaled units of the target.
        rmse_dollars, mae_dollars: the same of the closes in dollars; of volatilities, rmse_percent and mae_percent; of
            a series of the user's own, rmse_original and mae_original.
        mape: mean absolute error as a percentage of the truth; inf where a value is 0.

    Raises:
        OverflowError: a forecast or its square is infinite in the target's unit.
    """
    values, truth = fold.unscaled(forecasts, chosen), fold.truth[chosen]
    if not (np.abs(values) < LARGEST).all():
        raise OverflowError(f"a forecast in {fold.panel.unit} is beyond {LARGEST:g}")
    return {
        "rmse": root_mean_squared_error(fold.targets[chosen], forecasts),
        "mae": mean_absolute_error(fold.targets[chosen], forecasts),
        f"rmse_{fold.panel.unit}": root_mean_squared_error(truth, values),
        f"mae_{fold.panel.unit}": mean_absolute_error(truth, values),
        "mape": 100 * mean_absolute_percentage_error(truth, values) if truth.all() else math.inf,
    }


class Comparison(NamedTuple):
    """Forecasts compared with persistence.

    Attributes:
        relative_rmse: RMSE of the forecasts divided by that of persistence; below 1 is better; nan if persistence makes
            no error, because the price stands still.
        dm_p: two-sided p of `diebold_mariano`; nan for persistence itself.
        direction: share of days with the right direction, of the days on which the forecast says up or down and the
            close does rise or fall; nan if there is no such day.
        direction_p: probability that tossing a coin gives this share or a larger one, computed on every horizon-th
            day, because targets in between overlap and are not independent.
    """

    relative_rmse: float
    dm_p: float
    direction: float
    direction_p: float


def compare_with_persistence(
    truth: Floats, forecasts: Floats, persistence: Floats, horizon: int, clock: NDArray[np.int64] | None = None
) -> Comparison:
    """Compare forecasts with persistence, all `[n]` in the same units and in the order of time.

    Where several series have a value in one period, the test is about the mean of their squared errors, and there is no
    direction_p: their directions are no independent tosses.

    Args:
        truth: the true values.
        forecasts: the forecasts of these values.
        persistence: the forecast "the close will be the last close".
        horizon: steps from the day of a forecast to the day that it forecasts.
        clock: the number of the period of each value; None: each has its own.
    """
    clock = np.arange(len(truth)) if clock is None else clock
    error, naive = forecasts - truth, persistence - truth
    predicted, actual = np.sign(forecasts - persistence), np.sign(truth - persistence)
    counted = (predicted != 0) & (actual != 0)
    right = predicted == actual
    independent = (clock - clock[0]) % horizon == 0
    tosses = right[independent & counted] if len(np.unique(clock)) == len(clock) else right[:0]
    naive_square = float(np.mean(naive**2))
    return Comparison(
        float(np.sqrt(np.mean(error**2) / naive_square)) if naive_square else math.nan,
        diebold_mariano_by_period(error, naive, horizon, clock)[1],
        float(right[counted].mean()) if counted.any() else math.nan,
        _binomial_p(int(tosses.sum()), len(tosses)),
    )


def _binomial_p(hits: int, tosses: int) -> float:
    return float(stats.binomtest(hits, tosses, alternative="greater").pvalue) if tosses else math.nan


def diebold_mariano(errors: Floats, others: Floats, horizon: int) -> tuple[float, float]:
    """Test the hypothesis that two forecasts have the same mean squared error; return statistic and two-sided p.

    With d_t = e_t^2 - e'_t^2 over n steps, its autocovariances g_k and horizon h (Diebold and Mariano 1995):
        S = mean(d) / sqrt((g_0 + 2 (g_1 + ... + g_(h-1))) / n),
    with the correction for small samples (Harvey, Leybourne and Newbold 1997, equation 9):
        S* = S sqrt((n + 1 - 2h + h (h - 1) / n) / n), compared with Student's t with n - 1 degrees of freedom.
    If S* is negative, `errors` are the smaller ones. If the sum g_0 + 2 (...) is not positive, g_0 replaces it. Both
    results are nan if the two have the same squared errors, or if there are no more than `horizon` steps.
    """
    return _diebold_mariano(errors**2 - others**2, horizon)


def diebold_mariano_by_period(
    errors: Floats, others: Floats, horizon: int, clock: NDArray[np.int64]
) -> tuple[float, float]:
    """`diebold_mariano` where several series have an error in one period: of the mean difference in each period."""
    return _diebold_mariano(_means(errors**2 - others**2, clock), horizon)


def _means(values: Floats, clock: NDArray[np.int64]) -> Floats:
    """The mean of the values of each period."""
    _, places = np.unique(clock, return_inverse=True)
    return np.bincount(places, values) / np.bincount(places)


def _diebold_mariano(d: Floats, horizon: int) -> tuple[float, float]:
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
