"""Control experiments: what would the result be if sentiment said nothing, or if it knew tomorrow?"""

from collections.abc import Callable

import numpy as np

from datamodules.errors import DataError
from datamodules.market.panel import SENTIMENT, Panel


def shuffled(panel: Panel, horizon: int, seed: int) -> Panel:
    """The sentiment of other days: same values, no connection with the day. A gain that stays is not its."""
    values = np.random.default_rng(seed).permutation(panel.features[SENTIMENT].to_numpy())
    return Panel(panel.features.assign(**{SENTIMENT: values}), panel.close)


def leak(panel: Panel, horizon: int, seed: int) -> Panel:
    """The sign of the change that is to be forecast, 0 where it is not known. A protocol that hides this is broken."""
    change = (panel.close.shift(-horizon) - panel.close).fillna(0.0)
    return Panel(panel.features.assign(**{SENTIMENT: np.sign(change)}), panel.close)


CONTROLS: dict[str, Callable[[Panel, int, int], Panel]] = {"shuffled": shuffled, "leak": leak}
"""(panel, horizon, seed) -> a panel with another sentiment."""


ANNOUNCEMENTS = {
    "shuffled": "CONTROL: control=shuffled, a placebo: each day has the sentiment of another one, drawn at random.",
    "leak": (
        "CONTROL: control=leak: in place of the sentiment stands the sign of the change that is to be forecast; the "
        "scores are those of a leak, and no forecast."
    ),
}
"""What has to be said beside every result of a control experiment."""


def controlled(panel: Panel, control: str | None, horizon: int, seed: int) -> Panel:
    """The panel of a control experiment; itself without one.

    Raises:
        DataError: an unknown control, or no sentiment to tamper with.
    """
    if control is None:
        return panel
    if control not in CONTROLS:
        raise DataError(f"control={control}: choose {' or '.join(CONTROLS)}, or null.")
    if SENTIMENT not in panel.features:
        raise DataError(f"control={control} needs features with sentiment, such as features=btc_sent.")
    return CONTROLS[control](panel, horizon, seed)
