"""The days that the next forecast is made from, scaled as those that a net was trained on."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from datamodules.errors import DataError
from datamodules.market.panel import Panel
from datamodules.market.protocols import PROTOCOLS, Protocol
from datamodules.market.windows import Floats


def fitted(scaler: Any) -> dict[str, Any]:
    """What scikit-learn's scaler has learnt, as plain numbers and lists; `restored` undoes it."""
    return {name: np.asarray(value).tolist() for name, value in vars(scaler).items() if name.endswith("_")}


def restored(scaler: Any, learnt: dict[str, Any]) -> Any:
    """A new scaler, with what another one of its kind had learnt."""
    for name, value in learnt.items():
        setattr(scaler, name, np.array(value) if isinstance(value, list) else value)
    return scaler


class Latest(NamedTuple):
    """The last window of a panel, which no sample has: what comes after it is not known.

    Attributes:
        inputs: `[1, window, F]`, scaled.
        day: its last one.
        close: of that day, in dollars.
        protocol, scaler: lead from a forecast back to dollars.
    """

    inputs: Floats
    day: pd.Timestamp
    close: float
    protocol: Protocol
    scaler: Any

    def dollars(self, forecast: float) -> float:
        """The close that a scaled forecast means."""
        unscaled = self.scaler.inverse_transform(np.array([[forecast]]))[0]
        return float(self.protocol.dollars(unscaled, np.array([self.close]))[0])


def latest(panel: Panel, protocol: str, window: int, scalers: dict[str, dict[str, Any]]) -> Latest:
    """The last window of a panel.

    Args:
        panel: as `panel.assemble` makes it.
        protocol: a name in PROTOCOLS.
        window: rows that a net sees.
        scalers: `fitted` ones of the inputs and the target.

    Raises:
        DataError: too few days.
    """
    chosen = PROTOCOLS[protocol]
    features, close = chosen.prepare(panel)
    if len(features) < window:
        raise DataError(f"window={window} needs more than the {len(features)} days there are.")
    scaled = restored(chosen.scaler(), scalers["inputs"]).transform(features.to_numpy(float)[-window:])
    target = restored(chosen.scaler(), scalers["target"])
    return Latest(scaled[None], close.index[-1], float(close.iloc[-1]), chosen, target)
