"""Forecasts of volatility without a net, by the library `arch`, fitted to the training part of the same fold."""

import numpy as np
import pandas as pd

from datamodules.errors import DataError
from datamodules.market.fold import Fold
from datamodules.market.windows import Floats

HAR_DAYS = [1, 5, 22]
"""A day, a week and a month of trading days: the usual lags of HAR."""

FEWEST_ROWS = 10  # of the regression, which has four coefficients


def har(fold: Fold) -> Floats:
    """HAR (Corsi 2009) of the logarithm v of the volatility.

    v_(t+1) = a + b v_t + c mean(v_t ... v_(t-4)) + d mean(v_t ... v_(t-21)), by least squares on the training part.
    Longer horizons are forecast step by step. Days before the first one count as average.

    Raises:
        DataError: the training part is too short.
    """
    from arch.univariate import HARX  # takes a second to import

    values = np.log(fold.panel.target.to_numpy(float))
    known, longest = _known_rows(fold), max(HAR_DAYS)
    if known < longest + FEWEST_ROWS:
        raise DataError(f"{known} days to train are too few for HAR: give target=volatility an earlier start.")
    padded = pd.Series(np.concatenate([np.full(longest, values[:known].mean()), values]))
    params = HARX(values[:known], lags=HAR_DAYS, rescale=False).fit(disp="off").params
    ahead = HARX(padded, lags=HAR_DAYS, rescale=False).fix(params).forecast(horizon=_horizon(fold), start=longest)
    return np.exp(ahead.mean.iloc[:, -1].to_numpy()[fold.samples.origins])


def garch(fold: Fold) -> Floats:
    """GARCH(1, 1), arch_model's default, of the log-returns r from close to close, as volatility of a day's range.

    s_t^2 = w + a r_(t-1)^2 + b s_(t-1)^2 by maximum likelihood on the training part. s is a deviation of returns,
    between days on which all markets trade, and the target a range within one day: the forecast is s times a constant,
    chosen so that their logarithms have the same mean on the training part.

    Raises:
        DataError: the close never changes in the training part.
    """
    from arch import arch_model  # takes a second to import

    returns = 100 * np.diff(np.log(fold.panel.close.to_numpy(float)))  # into row 1, 2, ...
    known = _known_rows(fold)
    if not returns[: known - 1].any():
        raise DataError("Bitcoin's close never changes in the training part, so that GARCH has no return: cut it off.")
    params = arch_model(returns[: known - 1], rescale=False).fit(disp="off", show_warning=False).params
    ahead = arch_model(returns, rescale=False).fix(params).forecast(horizon=_horizon(fold), start=0)
    of_row = np.sqrt(np.concatenate([[np.nan], ahead.variance.iloc[:, -1].to_numpy()]))  # row 0 has no return
    forecasts = of_row[fold.samples.origins]
    forecasts = np.where(np.isnan(forecasts), np.nanmean(of_row[:known]), forecasts)
    train = fold.split.train
    ratio = np.log(fold.truth[train]).mean() - np.log(forecasts[train]).mean()
    return forecasts * np.exp(ratio)


def _horizon(fold: Fold) -> int:
    return int(fold.samples.targets[0] - fold.samples.origins[0])


def _known_rows(fold: Fold) -> int:
    """Rows of the panel up to the last training target."""
    return int(fold.samples.targets[fold.split.train[-1]]) + 1
