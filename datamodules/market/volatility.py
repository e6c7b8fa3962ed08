"""Bitcoin's daily volatility from the range of a day's prices: what `target=volatility` forecasts."""

import numpy as np
import pandas as pd

from datamodules.errors import DataError


def range_volatility(high: pd.Series, low: pd.Series) -> pd.Series:
    """Parkinson's estimate (1980) of each day's volatility, in percent: 100 log(H / L) / sqrt(4 log 2).

    Squared, it is an unbiased estimate of the variance of a random walk's daily log-return, five times as precise as
    the squared return.

    Args:
        high, low: the highest and the lowest price of each day.

    Raises:
        DataError: names the first day on which the price did not move, so that the volatility has no logarithm.
    """
    still = high <= low
    if still.any():
        day = f"{still.idxmax():%Y-%m-%d}"
        raise DataError(
            f"Bitcoin's High is not above its Low on {day}, but target=volatility needs a day's range: leave that day "
            "out with start= or end=."
        )
    return 100 * np.log(high / low) / np.sqrt(4 * np.log(2))
