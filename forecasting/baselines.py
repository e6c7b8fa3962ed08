"""Forecasts without a net, fitted to the training part of the same fold."""

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from datamodules.market.fold import Fold
from datamodules.market.windows import Floats
from forecasting.volatility_baselines import garch, har

HIGHEST_ORDER = 20  # days that the autoregression may look back
ROUNDING = 1e-12  # of log-returns
RIDGE_PENALTIES = np.logspace(0, 6, 7)
DEFAULT_PENALTY = 1.0  # scikit-learn's default, used if there are too few days to choose a penalty


def persistence(fold: Fold) -> Floats:
    """The close, or the volatility, will be the last one."""
    return fold.last


def drift(fold: Fold) -> Floats:
    """The last close grows by the training part's mean log-return for each step of the horizon."""
    return fold.last * np.exp(_horizon(fold) * _known_returns(fold).mean())


def autoregression(fold: Fold) -> Floats:
    """AR(p) of the log-returns: r_t = a + b_1 r_(t-1) + ... + b_p r_(t-p), with the p of lowest BIC.

    Order and coefficients are fitted to the training part. Longer horizons are forecast step by step, with each
    forecast used as the return of its day. Days before the first one count as average.
    """
    from statsmodels.tsa.ar_model import ar_select_order  # takes a second to import

    known = _known_returns(fold)
    if np.ptp(known) < ROUNDING:  # all returns are equal: there is nothing to fit
        return drift(fold)
    chosen = ar_select_order(known, min(HIGHEST_ORDER, len(known) // 4), ic="bic")
    if not chosen.ar_lags:
        return drift(fold)
    constant, *weights = chosen.model.fit().params
    p = len(weights)
    past = np.concatenate([np.full(p, known.mean()), _returns(fold)])
    lagged = sliding_window_view(past, p)[fold.samples.origins, ::-1]  # the origin's own return first
    total = np.zeros(len(lagged))
    for _ in range(_horizon(fold)):
        step = constant + lagged @ np.array(weights)
        total += step
        lagged = np.column_stack([step, lagged[:, :-1]])
    return fold.last * np.exp(total)


def ridge(fold: Fold) -> Floats:
    """Ridge regression on all days and features of the window.

    The penalty is chosen by time-series cross-validation: later parts of the training part, five or as many as the
    horizon leaves room for, are forecast from the days before them. With room for fewer than two, the penalty is
    DEFAULT_PENALTY.
    """
    return ridge_on_windows(fold, gap=_horizon(fold) - 1)


def ridge_on_windows(fold: Fold, gap: int) -> Floats:
    """See `ridge`.

    Args:
        fold: with its samples in the order of time.
        gap: samples before a later part whose targets are not known when its first one is forecast.
    """
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

    rows = fold.samples.inputs.reshape(len(fold.samples.inputs), -1)
    model, parts = Ridge(DEFAULT_PENALTY), _later_parts(len(fold.split.train), gap)
    if parts:
        later = TimeSeriesSplit(parts, gap=gap)
        model = GridSearchCV(model, {"alpha": RIDGE_PENALTIES}, scoring="neg_mean_squared_error", cv=later)
    model.fit(rows[fold.split.train], fold.targets[fold.split.train])
    return fold.unscaled(model.predict(rows), np.arange(len(rows)))


BASELINES: dict[str, dict[str, Callable[[Fold], Floats]]] = {
    "dollars": {"persistence": persistence, "drift": drift, "ar": autoregression, "ridge": ridge},
    "percent": {"persistence": persistence, "har": har, "garch": garch, "ridge": ridge},
}
"""For targets of each unit: the forecasts of every sample of a fold, `[S]`, in that unit."""


def _later_parts(samples: int, gap: int) -> int:
    """How many equal parts, 5 to 2 or 0, can be cut off the end so that a sample with a known target precedes them."""
    sizes = {parts: samples // (parts + 1) for parts in (5, 4, 3, 2)}
    return next((n for n, size in sizes.items() if size and n * size < samples - gap), 0)


def _horizon(fold: Fold) -> int:
    return int(fold.samples.targets[0] - fold.samples.origins[0])


def _returns(fold: Fold) -> Floats:
    """Log-returns into row 1, 2, ... of the panel."""
    return np.diff(np.log(fold.panel.close.to_numpy(float)))


def _known_returns(fold: Fold) -> Floats:
    """Log-returns up to the last training target."""
    return _returns(fold)[: fold.samples.targets[fold.split.train[-1]]]
