"""Folds of made-up closes, for tests."""

import numpy as np
import pandas as pd

from conf.compose import composed
from datamodules.market.fold import Fold, make_fold
from datamodules.market.market_data import load_market_data
from datamodules.market.panel import Panel


def fold_of(close: np.ndarray, protocol: str = "walk_forward", window: int = 2, horizon: int = 1) -> Fold:
    """A fold whose closes are `close` and whose one feature is the log-return."""
    days = pd.date_range("2020-01-01", periods=len(close))
    features = pd.DataFrame({"return": np.diff(np.log(close), prepend=np.log(close[0]))}, days)
    return make_fold(Panel(features, pd.Series(close, days)), protocol, window, horizon, 3, 0)


def walk(returns: np.ndarray) -> np.ndarray:
    """Closes that start at 100 and have these log-returns."""
    return 100 * np.exp(np.concatenate([[0.0], np.cumsum(returns)]))


def configured_fold(*overrides: str) -> Fold:
    """The fold that `python train.py features=... OVERRIDES` would train on."""
    config = composed(*overrides)
    panel = load_market_data(config).panel
    return make_fold(panel, config.protocol, config.window, config.horizon, config.n_folds, config.fold)
