"""The last window of a panel, from which the next close is forecast."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from datamodules.errors import DataError
from datamodules.market.panel import Panel
from datamodules.market.protocols import PROTOCOLS, EvaluationProtocol
from datamodules.market.scalers import restore
from datamodules.market.windows import Floats


class LastWindow(NamedTuple):
    """The last window of a panel. It belongs to no sample, because the close after it is not known yet.

    Attributes:
        inputs: `[1, window, F]`, scaled.
        day: the last day of the window.
        close: the close of that day, in dollars.
        protocol: the protocol of the net's run.
        target_scaler: the scaler that was fitted to the targets in training.
    """

    inputs: Floats
    day: pd.Timestamp
    close: float
    protocol: EvaluationProtocol
    target_scaler: Any

    def dollars(self, forecast: float) -> float:
        """The close in dollars that a scaled forecast stands for."""
        unscaled = self.target_scaler.inverse_transform(np.array([[forecast]]))[0]
        return float(self.protocol.from_target(unscaled, np.array([self.close]))[0])


def last_window(panel: Panel, protocol: str, window: int, scalers: dict[str, dict[str, Any]]) -> LastWindow:
    """Cut the last window of a panel and scale it as in training.

    Args:
        panel: made by `panel.assemble_panel`.
        protocol: a name in PROTOCOLS.
        window: rows that a net sees.
        scalers: `learned_state` of the scalers of the "inputs" and the "target".

    Raises:
        DataError: the panel has too few days.
    """
    chosen = PROTOCOLS[protocol]
    prepared = chosen.prepare(panel)
    features, close = prepared.features, prepared.close
    if len(features) < window:
        raise DataError(f"window={window} needs more than the {len(features)} rows there are.")
    scaled = restore(chosen.scaler(), scalers["inputs"]).transform(features.to_numpy(float)[-window:])
    target_scaler = restore(chosen.scaler(), scalers["target"])
    return LastWindow(scaled[None], close.index[-1], float(close.iloc[-1]), chosen, target_scaler)
