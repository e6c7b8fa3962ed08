"""The two evaluation protocols, as data: what they forecast, how they split, and what their scalers are fitted to."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from datamodules.market.panel import Panel, relative_changes
from datamodules.market.windows import Floats, paper_split, walk_forward_splits
from datamodules.split import Split


class EvaluationProtocol(NamedTuple):
    """The steps in which the protocols differ.

    Attributes:
        prepare: makes the panel that is cut into windows.
        splits: (samples, rows, horizon, n_folds) -> the split of each fold.
        to_target: (value to forecast, last value) of the panel's target, in its unit -> the unscaled target of a net.
        from_target: (unscaled forecast, last value) -> the value; the inverse of `to_target`.
        scaler: class of the scalers of features and target.
        target_sample: (values of the training part, horizon) -> the numbers that the target's scaler is fitted to.
    """

    prepare: Callable[[Panel], Panel]
    splits: Callable[[int, int, int, int], list[Split]]
    to_target: Callable[[Floats, Floats], Floats]
    from_target: Callable[[Floats, Floats], Floats]
    scaler: Callable[[], Any]
    target_sample: Callable[[Floats, int], Floats]


PROTOCOLS = {
    # A net's target is the close itself. The paper states neither its split nor the scale of its errors: a
    # chronological 80/20 split is assumed, and 0 to 1, which fits its numbers best.
    "paper": EvaluationProtocol(
        prepare=lambda panel: panel,
        splits=lambda count, rows, horizon, _: [paper_split(count, rows, horizon)],
        to_target=lambda close, last: close,
        from_target=lambda forecast, last: forecast,
        scaler=MinMaxScaler,
        target_sample=lambda closes, horizon: closes,
    ),
    # A net's target is the log-return, or the change of the volatility's logarithm: 0 means "tomorrow = today".
    "walk_forward": EvaluationProtocol(
        prepare=relative_changes,
        splits=lambda count, rows, horizon, n_folds: walk_forward_splits(count, horizon, n_folds),
        to_target=lambda close, last: np.log(close / last),
        from_target=lambda forecast, last: last * np.exp(forecast),
        scaler=StandardScaler,
        target_sample=lambda closes, horizon: np.log(closes[horizon:] / closes[:-horizon]),
    ),
}
