"""One fold of a market: windows, their split, and scalers that are fitted to the training part alone."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from datamodules.errors import DataError
from datamodules.market.panel import Panel
from datamodules.market.protocols import PROTOCOLS, EvaluationProtocol
from datamodules.market.windows import Floats, Samples, make_samples
from datamodules.split import Split

STANDS_STILL = 1e-9
"""A range of values below this share of the largest one is rounding."""


@dataclass(frozen=True)
class Fold:
    """S samples over N days, scaled by the training part; made by `make_fold`.

    Attributes:
        protocol: the evaluation protocol.
        panel: unscaled features, and the target, as `protocol.prepare` leaves them.
        samples: `inputs [S, window, F]` float64, scaled; `origins` and `targets`, row numbers in the panel.
        split: the samples of the training, validation and test part.
        input_scaler: scaler of the features.
        target_scaler: scaler of the target.
    """

    protocol: EvaluationProtocol
    panel: Panel
    samples: Samples
    split: Split
    input_scaler: Any
    target_scaler: Any

    @property
    def parts(self) -> dict[str, NDArray[np.int64]]:
        """The samples of each part by its name; "test" is left out where it is the validation part."""
        parts = self.split._asdict()
        if np.array_equal(self.split.val, self.split.test):
            del parts["test"]
        return parts

    @property
    def days(self) -> pd.DatetimeIndex:
        """The day that each sample forecasts, `[S]`."""
        return pd.DatetimeIndex(self.panel.target.index[self.samples.targets])

    @property
    def clock(self) -> NDArray[np.int64]:
        """The number of the day that each sample forecasts, `[S]`; consecutive days differ by one."""
        return self.samples.targets

    @property
    def truth(self) -> Floats:
        """The panel's target on the day that is forecast, `[S]`, in its unit."""
        return self.panel.target.to_numpy(float)[self.samples.targets]

    @property
    def last(self) -> Floats:
        """The panel's target on the day of the forecast, `[S]`, in its unit."""
        return self.panel.target.to_numpy(float)[self.samples.origins]

    @property
    def targets(self) -> Floats:
        """The numbers that a net learns to forecast, `[S]`, scaled."""
        return self.scaled(self.truth)

    @property
    def persistence(self) -> Floats:
        """The forecast "it will be the last one", `[S]`, in the units of `targets`."""
        return self.scaled(self.last)

    def unscaled(self, forecasts: Floats, chosen: NDArray[np.int64]) -> Floats:
        """Convert scaled forecasts of the samples `chosen` to the unit of the panel's target; all `[n]`.

        Of a net that has diverged they may be infinite: a log-return of 1,000 is.
        """
        unscaled = self.target_scaler.inverse_transform(np.asarray(forecasts, float).reshape(-1, 1))[:, 0]
        with np.errstate(over="ignore"):
            return self.protocol.from_target(unscaled, self.last[chosen])

    def scaled(self, values: Floats) -> Floats:
        """Convert values of the panel's target, one for each sample `[S]`, to scaled forecasts; see `unscaled`."""
        target = self.protocol.to_target(values, self.last)
        return self.target_scaler.transform(target.reshape(-1, 1))[:, 0]


def make_fold(panel: Panel, protocol: str, window: int, horizon: int, n_folds: int, fold: int) -> Fold:
    """Cut windows, split them, and scale them with scalers fitted to the rows up to the last training target.

    Args:
        panel: made by `panel.assemble_panel`.
        protocol: a name in PROTOCOLS.
        window: rows that a sample sees.
        horizon: rows, that is days on which all markets trade, from a sample's last row to the row it forecasts.
        n_folds: number of folds; only for protocol="walk_forward".
        fold: which of the folds, from 0; protocol="paper" has only one.

    Raises:
        DataError: there is no such protocol or fold, there are too few days, or the target never changes in a part.
    """
    if protocol not in PROTOCOLS:
        raise DataError(f"protocol={protocol}: choose {' or '.join(PROTOCOLS)}.")
    chosen = PROTOCOLS[protocol]
    panel = chosen.prepare(panel)
    table, values = panel.features.to_numpy(float), panel.target.to_numpy(float)
    raw = make_samples(table, window, horizon)
    splits = chosen.splits(len(raw.targets), len(table), horizon, n_folds)
    if not 0 <= fold < len(splits):
        raise DataError(f"fold={fold}: protocol={protocol} has the folds 0 to {len(splits) - 1} here.")
    split = splits[fold]
    if not all(len(part) for part in split):
        raise DataError(
            f"window={window} with horizon={horizon} leaves too few of the {len(table):,} days for a training, a "
            "validation and a test part: choose smaller ones, or an earlier start."
        )
    _refuse_flat(panel, raw, split)

    known = raw.targets[split.train[-1]] + 1  # rows that the training part may see
    input_scaler = chosen.scaler().fit(table[:known])
    inputs = input_scaler.transform(table)
    target_scaler = chosen.scaler().fit(chosen.target_sample(values[:known], horizon).reshape(-1, 1))
    return Fold(chosen, panel, make_samples(inputs, window, horizon), split, input_scaler, target_scaler)


def _refuse_flat(panel: Panel, samples: Samples, split: Split) -> None:
    """Where the target stands still persistence has no error, and no forecast can be compared with it."""
    for name, part in zip(("training", "validation", "test"), split, strict=True):
        days = panel.target.iloc[samples.origins[part[0]] : samples.targets[part[-1]] + 1]
        if np.ptp(days) <= STANDS_STILL * days.max():
            what = "close" if panel.volatility is None else "volatility"
            raise DataError(
                f"Bitcoin's {what} is {days.iloc[0]:.6g} on every day from {days.index[0]:%Y-%m-%d} to "
                f"{days.index[-1]:%Y-%m-%d}, the {name} part: there is nothing to forecast, choose other days."
            )
