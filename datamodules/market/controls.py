"""Control experiments: the result if sentiment carried no information, and if it knew tomorrow's price."""

from collections.abc import Callable

import numpy as np

from datamodules.errors import DataError
from datamodules.market.panel import SENTIMENT, Panel


def shuffled(panel: Panel, horizon: int, seed: int) -> Panel:
    """Give each day the sentiment of a random day. A gain that remains is not due to sentiment."""
    values = np.random.default_rng(seed).permutation(panel.features[SENTIMENT].to_numpy())
    return panel._replace(features=panel.features.assign(**{SENTIMENT: values}))


def leak(panel: Panel, horizon: int, seed: int) -> Panel:
    """Replace sentiment by the sign of the change to forecast, 0 where it is unknown. Scores must show this leak."""
    change = (panel.target.shift(-horizon) - panel.target).fillna(0.0)
    return panel._replace(features=panel.features.assign(**{SENTIMENT: np.sign(change)}))


CONTROLS: dict[str, Callable[[Panel, int, int], Panel]] = {"shuffled": shuffled, "leak": leak}
"""(panel, horizon, seed) -> the panel with its sentiment replaced."""


ANNOUNCEMENTS = {
    "shuffled": "CONTROL: control=shuffled, a placebo: each day has the sentiment of another one, drawn at random.",
    "leak": (
        "CONTROL: control=leak: in place of the sentiment stands the sign of the change that is to be forecast; the "
        "scores are those of a leak, and no forecast."
    ),
}
"""The warning that goes with every result of a control experiment."""


def apply_control(panel: Panel, control: str | None, horizon: int, seed: int) -> Panel:
    """The panel of a control experiment; unchanged if `control` is None.

    Raises:
        DataError: there is no such control, or the panel has no sentiment.
    """
    if control is None:
        return panel
    if control not in CONTROLS:
        raise DataError(f"control={control}: choose {' or '.join(CONTROLS)}, or null.")
    if SENTIMENT not in panel.features:
        raise DataError(f"control={control} needs features with sentiment, such as features=btc_sent.")
    return CONTROLS[control](panel, horizon, seed)
