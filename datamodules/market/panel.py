"""The table that forecasts are made from: a row per day on which all markets trade, a column per feature."""

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from datamodules.errors import DataError
from datamodules.frequency import Frequency
from datamodules.market.prices import join_markets
from datamodules.market.volatility import range_volatility
from datamodules.market.yahoo_layout import COLUMNS, MARKETS, PRICE_COLUMNS

SENTIMENT, MESSAGES = "sentiment", "messages"
FEATURE_SERIES = (*MARKETS, SENTIMENT, MESSAGES)
"""The series a feature set can contain: six columns for each market, one for sentiment, one for numbers of messages."""

VOLATILITY = "volatility"


class OwnSeries(NamedTuple):
    """Facts about the rows of a panel of the user's own series, which stand one below another.

    Attributes:
        names: of the K series.
        ids: `[N]`, the number of the series that each row belongs to; the rows of one stand together.
        numbers: `[N]`, the period of each row; those of one series are consecutive.
        observed: `[N]`, whether the value is in the data, and not the last one before a gap.
        frequency: of all series.
        season: periods in a season.
        log: whether changes are those of logarithms.
        prices: the columns whose changes are those of logarithms as well.
    """

    names: tuple[str, ...]
    ids: NDArray[np.int64]
    numbers: NDArray[np.int64]
    observed: NDArray[np.bool_]
    frequency: Frequency
    season: int
    log: bool
    prices: tuple[str, ...] = ()

    @property
    def blocks(self) -> list[slice]:
        """The rows of each series."""
        ends = np.searchsorted(self.ids, np.arange(len(self.names) + 1))
        return [slice(int(start), int(end)) for start, end in itertools.pairwise(ends)]


class Panel(NamedTuple):
    """Features, and what is to be forecast.

    Attributes:
        features: `[N, F]` float64, columns such as "btc Close" and "sentiment"; index of days, in rising order.
        close: `[N]` float64, Bitcoin's close in dollars on the same days; or the user's own series.
        volatility: `[N]` float64, Bitcoin's volatility of each day in percent, if that is forecast; else None.
        own: about the user's own series; None with Bitcoin.
    """

    features: pd.DataFrame
    close: pd.Series
    volatility: pd.Series | None = None
    own: OwnSeries | None = None

    @property
    def target(self) -> pd.Series:
        """The series that is forecast: the close, or the volatility."""
        return self.close if self.volatility is None else self.volatility

    @property
    def unit(self) -> str:
        """The unit of the target: "dollars" or "percent", or "original" with a series of the user's own."""
        if self.own is not None:
            return "original"
        return "dollars" if self.volatility is None else "percent"


def assemble_panel(
    markets: Mapping[str, pd.DataFrame],
    sentiment: pd.Series | None,
    series: Sequence[str],
    messages: pd.Series | None = None,
    target: str = "close",
) -> tuple[Panel, int]:
    """Join the series of a feature set.

    The days are those on which all of `markets` trade, even if the feature set leaves some markets out, so that all
    feature sets are compared on the same days. With sentiment, the days are cut to its range; a day without a value
    gets the last earlier value, never a later one. The same holds for messages. With target="volatility" the
    logarithm of each day's volatility is one more column, so that a net has what the baselines have.

    Args:
        markets: prices of every one of MARKETS.
        sentiment: values by calendar day; needed if `series` names it.
        series: some of FEATURE_SERIES, in the order of the columns.
        messages: numbers by calendar day; needed if `series` names them. The column is log(1 + n).
        target: "close", or "volatility".

    Returns:
        The panel, and the number of values of sentiment and messages that were filled in.

    Raises:
        DataError: `series` has an unknown name, or the series have no day in common.
    """
    if unknown := set(series) - set(FEATURE_SERIES):
        raise DataError(f"features.series has {sorted(unknown)[0]!r}: choose some of {', '.join(FEATURE_SERIES)}.")
    table = join_markets(markets)
    filled = more = 0
    if SENTIMENT in series:
        assert sentiment is not None
        table, filled = _with_daily(table, SENTIMENT, sentiment)
    if MESSAGES in series:
        assert messages is not None
        table, more = _with_daily(table, MESSAGES, np.log1p(messages))
    columns = [name for chosen in series for name in _columns(chosen)]
    panel = Panel(table[columns], table["btc Close"])
    return (_of_volatility(panel, table) if target == VOLATILITY else panel), filled + more


def _of_volatility(panel: Panel, table: pd.DataFrame) -> Panel:
    volatility = range_volatility(table["btc High"], table["btc Low"])
    return Panel(panel.features.assign(**{VOLATILITY: np.log(volatility)}), panel.close, volatility)


def _columns(series: str) -> list[str]:
    return [f"{series} {column}" for column in COLUMNS] if series in MARKETS else [series]


def relative_changes(panel: Panel) -> Panel:
    """Features that do not grow with the price, for `protocol=walk_forward`; the first row is dropped.

    A price p_t of a market becomes log(p_t / C_(t-1)), where C_(t-1) is that market's previous close; a volume v_t
    becomes log((1 + v_t) / (1 + v_(t-1))), and likewise the number of messages; sentiment and the logarithm of the
    volatility stay. Prices scaled by the past would leave the range of the training part, since Bitcoin rises a
    hundredfold within the paper's days. On windows of 7, 30 and 90 days of Bitcoin's prices, ridge regression has 1.08,
    1.03 and 1.63 times the error of persistence, on these changes 1.00; if it is told the sign of tomorrow's change,
    2.10, 3.52 and 6.36 times, on these changes 0.78, 0.88 and 0.94.
    """
    features = panel.features.copy()
    for market in MARKETS:
        if f"{market} Close" not in features:
            continue
        previous = panel.features[f"{market} Close"].shift()
        for column in PRICE_COLUMNS:
            features[f"{market} {column}"] = np.log(panel.features[f"{market} {column}"] / previous)
        features[f"{market} Volume"] = np.log1p(panel.features[f"{market} Volume"]).diff()
    if MESSAGES in features:
        features[MESSAGES] = features[MESSAGES].diff()
    volatility = None if panel.volatility is None else panel.volatility.iloc[1:]
    return Panel(features.iloc[1:], panel.close.iloc[1:], volatility)


def _with_daily(table: pd.DataFrame, name: str, values: pd.Series) -> tuple[pd.DataFrame, int]:
    """The days of the table within a daily series, with the series as the column `name`; how many days were filled."""
    table = table.loc[values.index[0] : values.index[-1]]
    if table.empty:
        raise DataError(
            f"the {name}, {values.index[0]:%Y-%m-%d} to {values.index[-1]:%Y-%m-%d}, "
            "and the prices have no day in common."
        )
    calendar = values.reindex(pd.date_range(values.index[0], values.index[-1])).ffill()
    filled = int((~table.index.isin(values.index)).sum())
    return table.assign(**{name: calendar.reindex(table.index)}), filled
