"""AutoETS and AutoARIMA of the library statsforecast, an extra: chosen and fitted on the training part of a fold."""

from collections.abc import Callable
from typing import Any

import numpy as np

from cells.errors import UserError
from datamodules.market.windows import Floats
from datamodules.series.series_fold import SeriesFold

LONGEST_SEASON = 24
"""Longer seasons, as that of weeks, are left to the models without one: the search would take hours."""

FEWEST_SEASONS = 2
FEWEST_VALUES = 10


def auto_ets(fold: SeriesFold) -> Floats:
    """Exponential smoothing, its form chosen by AICc (Hyndman and Khandakar 2008)."""
    return _forecasts(fold, lambda models, season: models.AutoETS(season_length=season))


def auto_arima(fold: SeriesFold) -> Floats:
    """ARIMA with the orders that the stepwise search finds (Hyndman and Khandakar 2008)."""
    return _forecasts(fold, lambda models, season: models.AutoARIMA(season_length=season))


AUTOMATIC: dict[str, Callable[[SeriesFold], Floats]] = {"ets": auto_ets, "arima": auto_arima}


def _forecasts(fold: SeriesFold, make: Callable[[Any, int], Any]) -> Floats:
    """The forecasts of the samples after the training part, `[S]`, series by series; NaN for those in it.

    The model is fitted once; the values up to each origin then only update its state.
    """
    try:
        from statsforecast import models
    except ImportError as error:
        raise UserError('series.auto=true needs statsforecast; pip install -e ".[series]" brings it.') from error

    values = fold.panel.target.to_numpy(float)
    values = np.log(values) if fold.own.log else values
    result = np.full(len(fold.samples.targets), np.nan)
    later = np.setdiff1d(np.arange(len(result)), fold.split.train)
    for k, rows in enumerate(fold.own.blocks):
        chosen = later[fold.ids[later] == k]
        known = values[rows][fold.known[rows]]
        if not len(chosen) or len(known) < FEWEST_VALUES:
            result[chosen] = values[fold.samples.origins[chosen]]
            continue
        season = fold.own.season if fold.own.season <= LONGEST_SEASON else 1
        model = make(models, season if len(known) >= FEWEST_SEASONS * season else 1).fit(known)
        for sample in chosen:
            past = values[rows.start : fold.samples.origins[sample] + 1]
            result[sample] = model.forward(past, h=fold.horizon)["mean"][-1]
    return np.exp(result) if fold.own.log else result
