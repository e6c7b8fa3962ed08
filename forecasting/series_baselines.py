"""Forecasts of a user's own series without a net, fitted to the training part of the same fold, series by series."""

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from datamodules.market.windows import Floats
from datamodules.series.series_fold import SeriesFold
from forecasting.baselines import HIGHEST_ORDER, persistence, ridge_on_windows

NET_P = "net_p"
"""The column of baselines.csv with the p that the net is as good as a baseline (Diebold and Mariano 1995)."""

ROUNDING = 1e-12
"""Share of the largest value; smaller changes are rounding."""


def seasonal_naive(fold: SeriesFold) -> Floats:
    """The value of the same period of the last season that is over; the last value where there is none yet."""
    season = fold.own.season
    back = season * -(-fold.horizon // season)
    return fold.last if season == 1 else _earlier(fold, fold.samples.targets - back)


def drift(fold: SeriesFold) -> Floats:
    """The last value changes by the training part's mean change for each period of the horizon."""
    return _each(fold, lambda known, _: np.full(1, known.mean()) if len(known) else np.zeros(1), _repeated)


def autoregression(fold: SeriesFold) -> Floats:
    """AR(p) of the changes, or of the logarithms' changes, with the p of lowest BIC, up to a season and one.

    Longer horizons are forecast step by step. Periods before the first one count as average.
    """
    return _each(fold, _fitted, _stepwise)


def ridge(fold: SeriesFold) -> Floats:
    """Ridge regression on all periods and features of the windows of all series, see `baselines.ridge`."""
    return ridge_on_windows(fold, gap=int(np.bincount(fold.clock - fold.clock.min()).max()) * fold.horizon - 1)


def series_baselines(fold: SeriesFold) -> dict[str, Callable[[SeriesFold], Floats]]:
    """The forecasts that fit the frequency of a fold: a season of one period has no seasonal one."""
    seasonal = {"seasonal": seasonal_naive} if fold.own.season > 1 else {}
    return {"persistence": persistence, **seasonal, "drift": drift, "ar": autoregression, "ridge": ridge}


def mase_scales(fold: SeriesFold) -> Floats:
    """The mean absolute error of the seasonal naive forecast on the training rows of each series, `[K]` (Hyndman and
    Koehler 2006, equation for seasonal data); NaN where there is none."""
    values, season = fold.panel.target.to_numpy(float), fold.own.season
    scales = np.full(len(fold.own.names), np.nan)
    for k, rows in enumerate(fold.own.blocks):
        known = values[rows][fold.known[rows]]
        lag = season if len(known) > season else 1
        if len(known) > lag and (scale := float(np.abs(known[lag:] - known[:-lag]).mean())) > 0:
            scales[k] = scale
    return scales


def _earlier(fold: SeriesFold, rows: NDArray[np.int64]) -> Floats:
    """The values in these rows of the panel, `[S]`; the last known one where the row is before the series begins."""
    starts = np.array([block.start for block in fold.own.blocks])[fold.ids]
    return np.where(rows >= starts, fold.panel.target.to_numpy(float)[np.maximum(rows, 0)], fold.last)


Parameters = NDArray[np.float64]


def _each(
    fold: SeriesFold,
    fit: Callable[[Floats, int], Parameters],
    total: Callable[[Parameters, Floats, float, NDArray[np.int64], int], Floats],
) -> Floats:
    """The last value and the change that a model of each series tells.

    Args:
        fold: the fold.
        fit: (changes of the training part, season) -> the parameters.
        total: (parameters, all changes, mean of the known, rows of the origins, horizon) -> change over the horizon.
    """
    values = np.log(fold.panel.target.to_numpy(float)) if fold.own.log else fold.panel.target.to_numpy(float)
    result = np.full(len(fold.samples.targets), np.nan)
    for k, rows in enumerate(fold.own.blocks):
        chosen = np.flatnonzero(fold.ids == k)
        if not len(chosen):
            continue
        changes = np.diff(values[rows])
        known = changes[: max(0, int(fold.known[rows].sum()) - 1)]
        size = max(1.0, float(np.abs(values[rows][fold.known[rows]]).max()))
        mean = float(known.mean()) if len(known) else 0.0
        flat = len(known) < 2 or np.ptp(known) <= ROUNDING * size
        parameters = np.full(1, mean) if flat else fit(known, fold.own.season)
        origins = fold.samples.origins[chosen] - rows.start
        result[chosen] = total(parameters, changes, mean, origins, fold.horizon)
    return fold.last * np.exp(result) if fold.own.log else fold.last + result


def _repeated(parameters: Parameters, changes: Floats, mean: float, origins: NDArray[np.int64], horizon: int) -> Floats:
    return np.full(len(origins), horizon * parameters[0])


def _fitted(known: Floats, season: int) -> Parameters:
    from statsmodels.tsa.ar_model import ar_select_order  # takes a second to import

    order = min(max(HIGHEST_ORDER, season + 1), len(known) // 4)
    if order < 1:
        return np.full(1, known.mean())
    chosen = ar_select_order(known, order, ic="bic")
    return np.asarray(chosen.model.fit().params) if chosen.ar_lags else np.full(1, known.mean())


def _stepwise(parameters: Parameters, changes: Floats, mean: float, origins: NDArray[np.int64], horizon: int) -> Floats:
    constant, weights = parameters[0], parameters[1:]
    if not len(weights):
        return np.full(len(origins), horizon * constant)
    p = len(weights)
    lagged = sliding_window_view(np.concatenate([np.full(p, mean), changes]), p)[origins, ::-1]
    total = np.zeros(len(origins))
    for _ in range(horizon):
        step = constant + lagged @ weights
        total += step
        lagged = np.column_stack([step, lagged[:, :-1]])
    return total
