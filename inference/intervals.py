"""The interval around a forecast, with the coverage that was measured in a run's backtest."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

SHOWN_LEVEL = 0.9


INTERVALS = "intervals.csv"

READ = ("forecast", "level", "half_width", "calibrated_on", "coverage", "periods", "width")
"""The columns that are read."""


class Interval(NamedTuple):
    """The interval of one forecast, by split conformal prediction, see `forecasting.conformal`.

    Attributes:
        level: the share of later values that it should hold.
        half_width: in the scaled units of the target.
        coverage: the share that it held, of the last `periods` forecasts of the backtest.
        periods: their number.
        calibrated_on: the number of earlier errors that gave the width.
        width: mean width over these periods, in the target's unit.
    """

    level: float
    half_width: float
    coverage: float
    periods: int
    calibrated_on: int
    width: float

    @property
    def sentence(self) -> str:
        """Where the interval comes from, and its coverage."""
        return (
            f"Such intervals, from the errors of {self.calibrated_on:,} forecasts, held {self.coverage:.0%} of the "
            f"{self.periods:,} later values."
        )


def measured(run: Path, level: float = SHOWN_LEVEL) -> dict[str, Interval]:
    """The intervals of a run by forecast; empty for a run of an older version, or one with too few errors.

    Args:
        run: a folder whose table has READ and no fault, see `faults.refuse_faults`.
        level: the share of later values that they should hold.
    """
    path = run / INTERVALS
    if not path.exists():
        return {}
    table = pd.read_csv(path)
    rows = table[table["level"] == level].dropna(subset=["half_width", "coverage"])
    return {
        str(row["forecast"]): Interval(
            row["level"],
            row["half_width"],
            row["coverage"],
            int(row["periods"]),
            int(row["calibrated_on"]),
            row["width"],
        )
        for row in rows.to_dict("records")
    }
