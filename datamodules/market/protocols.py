"""The two protocols, and one fold of either: windows scaled by nothing but what their training part knows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from datamodules.errors import DataError
from datamodules.market.panel import Panel, changes
from datamodules.market.windows import Floats, Samples, paper_split, samples, walk_forward_splits
from datamodules.split import Split


class Protocol(NamedTuple):
    """What one protocol does where the other does something else.

    Attributes:
        prepare: the panel that is windowed.
        splits: (samples, rows, horizon, n_folds) -> its folds.
        target: (close to forecast, last close) -> what is forecast.
        dollars: (forecast, last close) -> the close it means; undoes `target`.
        scaler: of each feature and of the target.
        scaled_by: (closes of the training part, horizon) -> what the scaler of the target is fitted on.
    """

    prepare: Callable[[Panel], Panel]
    splits: Callable[[int, int, int, int], list[Split]]
    target: Callable[[Floats, Floats], Floats]
    dollars: Callable[[Floats, Floats], Floats]
    scaler: Callable[[], Any]
    scaled_by: Callable[[Floats, int], Floats]


PROTOCOLS = {
    # The paper forecasts the close. It never says its scale; 0 to 1 fits its numbers best.
    "paper": Protocol(
        prepare=lambda panel: panel,
        splits=lambda count, rows, horizon, _: [paper_split(count, rows, horizon)],
        target=lambda close, last: close,
        dollars=lambda forecast, last: forecast,
        scaler=MinMaxScaler,
        scaled_by=lambda closes, horizon: closes,
    ),
    # A log-return; the forecast 0 means "tomorrow = today".
    "walk_forward": Protocol(
        prepare=changes,
        splits=lambda count, rows, horizon, n_folds: walk_forward_splits(count, horizon, n_folds),
        target=lambda close, last: np.log(close / last),
        dollars=lambda forecast, last: last * np.exp(forecast),
        scaler=StandardScaler,
        scaled_by=lambda closes, horizon: np.log(closes[horizon:] / closes[:-horizon]),
    ),
}


@dataclass(frozen=True)
class Fold:
    """S samples over N days, scaled by the training part; made by `make_fold`.

    Attributes:
        protocol: which of the two.
        panel: features before scaling, and closes, as the protocol has them.
        samples: `inputs [S, window, F]` float64, scaled; `origins` and `targets`, row numbers in the panel.
        split: which samples are for training, validation and test.
        input_scaler: of the features.
        scaler: of the target.
    """

    protocol: Protocol
    panel: Panel
    samples: Samples
    split: Split
    input_scaler: Any
    scaler: Any

    @property
    def parts(self) -> dict[str, NDArray[np.int64]]:
        """The samples of each part, by its name; the paper's protocol has no third one."""
        parts = self.split._asdict()
        if np.array_equal(self.split.val, self.split.test):
            del parts["test"]
        return parts

    @property
    def days(self) -> pd.DatetimeIndex:
        """The day that each sample forecasts, `[S]`."""
        return pd.DatetimeIndex(self.panel.close.index[self.samples.targets])

    @property
    def close(self) -> Floats:
        """What is to be forecast, `[S]`, in dollars."""
        return self.panel.close.to_numpy(float)[self.samples.targets]

    @property
    def last_close(self) -> Floats:
        """The close on the day of the forecast, `[S]`, in dollars."""
        return self.panel.close.to_numpy(float)[self.samples.origins]

    @property
    def targets(self) -> Floats:
        """What a net learns, `[S]`, scaled."""
        return self.scaled(self.close)

    @property
    def persistence(self) -> Floats:
        """The forecast "the close will be the last close", `[S]`, scaled as targets are."""
        return self.scaled(self.last_close)

    def dollars(self, forecasts: Floats, chosen: NDArray[np.int64]) -> Floats:
        """The closes that scaled forecasts of the samples `chosen` mean; all `[n]`."""
        unscaled = self.scaler.inverse_transform(np.asarray(forecasts, float).reshape(-1, 1))[:, 0]
        return self.protocol.dollars(unscaled, self.last_close[chosen])

    def scaled(self, close: Floats) -> Floats:
        """The forecasts that closes `[S]` in dollars, one for each sample, mean; undoes `dollars`."""
        target = self.protocol.target(close, self.last_close)
        return self.scaler.transform(target.reshape(-1, 1))[:, 0]


def make_fold(panel: Panel, protocol: str, window: int, horizon: int, n_folds: int, fold: int) -> Fold:
    """Window, split and scale.

    Scalers are fitted on the rows up to the last training target.

    Args:
        panel: as `panel.assemble` makes it.
        protocol: a name in PROTOCOLS.
        window: rows that a sample sees.
        horizon: rows, that is days on which all markets trade, from its last one to the one that is forecast.
        n_folds: of walk_forward.
        fold: which of them, from 0; the paper's protocol has only one.

    Raises:
        DataError: an unknown protocol, a fold that does not exist, or too few days.
    """
    if protocol not in PROTOCOLS:
        raise DataError(f"protocol={protocol}: choose {' or '.join(PROTOCOLS)}.")
    chosen = PROTOCOLS[protocol]
    panel = chosen.prepare(panel)
    table, close = panel.features.to_numpy(float), panel.close.to_numpy(float)
    raw = samples(table, window, horizon)
    splits = chosen.splits(len(raw.targets), len(table), horizon, n_folds)
    if not 0 <= fold < len(splits):
        raise DataError(f"fold={fold}: protocol={protocol} has the folds 0 to {len(splits) - 1} here.")
    split = splits[fold]
    if not all(len(part) for part in split):
        raise DataError(
            f"window={window} with horizon={horizon} leaves too few of the {len(table):,} days for a training, a "
            "validation and a test part: choose smaller ones, or an earlier start."
        )

    known = raw.targets[split.train[-1]] + 1  # rows of the training part
    input_scaler = chosen.scaler().fit(table[:known])
    inputs = input_scaler.transform(table)
    scaler = chosen.scaler().fit(chosen.scaled_by(close[:known], horizon).reshape(-1, 1))
    return Fold(chosen, panel, samples(inputs, window, horizon), split, input_scaler, scaler)
