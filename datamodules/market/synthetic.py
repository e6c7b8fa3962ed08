"""Made-up markets for machines without a network, with the layout and the volatility of the real ones."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from datamodules.market.prices import DailyPrices
from datamodules.market.yahoo_layout import COLUMNS, DateRange

SEED = 2014
NOTE = "SYNTHETIC: these prices are made up; what is learnt from them says nothing about real markets."

Random = np.random.Generator

# First price, daily volatility (both about those of the real series) and trading days: every day, or working days.
_MARKETS = {"btc": (457.0, 0.04, "D"), "usd": (84.7, 0.004, "B"), "sp500": (2011.0, 0.009, "B")}


def prices(span: DateRange) -> dict[str, DailyPrices]:
    """The three markets of MARKETS; the same days always give the same prices.

    Log-returns are a GARCH(1, 1) process: r_t = s_t z_t with z_t normal and
    s_t^2 = v (1 - a - b) + a r_(t-1)^2 + b s_(t-1)^2. Days of large changes follow each other, but the
    direction of the next change is random.
    """
    random = np.random.default_rng(SEED)
    markets = {}
    for market, (first, volatility, frequency) in _MARKETS.items():
        days = pd.date_range(span.start, span.end, freq=frequency, name="Date")
        markets[market] = DailyPrices(_candles(first, _returns(len(days), volatility, random), days, random), NOTE)
    return markets


def sentiment(btc: pd.DataFrame) -> pd.Series:
    """A series like Reddit's: slow noise around 0.13, slightly correlated with the day's return."""
    random = np.random.default_rng(SEED + 1)
    returns = np.log(btc["Close"]).diff().fillna(0.0).to_numpy()
    shocks = random.standard_normal(len(btc)) + 0.2 * returns / returns.std()
    values = np.empty(len(btc))
    level = 0.0
    for day, shock in enumerate(shocks):
        level = 0.6 * level + shock
        values[day] = 0.13 + 0.02 * level
    return pd.Series(values, btc.index)


def messages(btc: pd.DataFrame) -> pd.Series:
    """Numbers of messages a day: some thousands, more on days on which the price moves."""
    random = np.random.default_rng(SEED + 2)
    moves = np.log((btc["High"] / btc["Low"]).to_numpy())
    return pd.Series(np.round(4000 * np.exp(0.2 * random.standard_normal(len(btc)) + 3 * moves)), btc.index)


def _returns(days: int, volatility: float, random: Random) -> NDArray[np.float64]:
    a, b = 0.12, 0.85
    variance = volatility**2
    returns = np.empty(days)
    for day, noise in enumerate(random.standard_normal(days)):
        returns[day] = np.sqrt(variance) * noise
        variance = volatility**2 * (1 - a - b) + a * returns[day] ** 2 + b * variance
    return returns


def _candles(first: float, returns: NDArray[np.float64], days: pd.DatetimeIndex, random: Random) -> pd.DataFrame:
    """Open, High, Low, Close, Adj Close and Volume of a market that opens at its previous close."""
    close = first * np.exp(np.cumsum(returns))
    opening = np.concatenate([[first], close[:-1]])
    up, down = np.exp(np.abs(random.standard_normal((2, len(days)))) * np.abs(returns).mean() / 2)
    high, low = np.maximum(opening, close) * up, np.minimum(opening, close) / down
    volume = np.round(1e9 * np.exp(0.3 * random.standard_normal(len(days)) + 5 * np.abs(returns)))
    return pd.DataFrame(dict(zip(COLUMNS, (opening, high, low, close, close, volume), strict=True)), days)
