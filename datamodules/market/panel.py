"""The table a forecast is made from: a row for each day on which all markets trade, a column for each feature."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from datamodules.errors import DataError
from datamodules.market.layout import COLUMNS, MARKETS, PRICES
from datamodules.market.prices import join

SENTIMENT = "sentiment"
SERIES = (*MARKETS, SENTIMENT)
"""What a feature set is made of: six columns of each market, one of sentiment."""


class Panel(NamedTuple):
    """Features and what is to be forecast.

    Attributes:
        features: `[N, F]` float64, columns such as "btc Close" and "sentiment"; index of days, rising.
        close: `[N]` float64, Bitcoin's close in dollars on the same days.
    """

    features: pd.DataFrame
    close: pd.Series


def assemble(
    markets: Mapping[str, pd.DataFrame], sentiment: pd.Series | None, series: Sequence[str]
) -> tuple[Panel, int]:
    """Choose and join the columns of a feature set; also the number of days on which sentiment was filled in.

    The days are those on which all of `markets` trade, also where the feature set has no use for some: all
    sets are compared on the same days. With sentiment they are cut to its span, and a day without a value
    keeps the last one before it, never a later one.

    Args:
        markets: prices of every one of MARKETS.
        sentiment: by calendar day; needed if `series` has it.
        series: some of SERIES, in the order of the columns.

    Raises:
        DataError: `series` has another name in it, or there is no day in common.
    """
    if unknown := set(series) - set(SERIES):
        raise DataError(f"features.series has {sorted(unknown)[0]!r}: choose some of {', '.join(SERIES)}.")
    table = join(markets)
    filled = 0
    if SENTIMENT in series:
        assert sentiment is not None
        table, filled = _with_sentiment(table, sentiment)
    columns = [
        name
        for chosen in series
        for name in ([SENTIMENT] if chosen == SENTIMENT else [f"{chosen} {column}" for column in COLUMNS])
    ]
    return Panel(table[columns], table["btc Close"]), filled


def changes(panel: Panel) -> Panel:
    """Features whose size does not grow with the price, for `protocol=walk_forward`; the first row goes.

    A price p_t of a market becomes log(p_t / C_(t-1)) with that market's previous close C_(t-1), a volume v_t becomes
    log((1 + v_t) / (1 + v_(t-1))), sentiment stays. Prices scaled on the past would leave the range of the training
    part, since Bitcoin's rises a hundredfold within the paper's span. There a ridge on windows of 7, 30 and 90 days of
    Bitcoin has 1.08, 1.03 and 1.63 times the error of persistence, and on these changes 1.00; told the sign of
    tomorrow's change, 2.10, 3.52 and 6.36 times, and on these changes 0.78, 0.88 and 0.94.
    """
    features = panel.features.copy()
    for market in MARKETS:
        if f"{market} Close" not in features:
            continue
        previous = panel.features[f"{market} Close"].shift()
        for column in PRICES:
            features[f"{market} {column}"] = np.log(panel.features[f"{market} {column}"] / previous)
        features[f"{market} Volume"] = np.log1p(panel.features[f"{market} Volume"]).diff()
    return Panel(features.iloc[1:], panel.close.iloc[1:])


def _with_sentiment(table: pd.DataFrame, sentiment: pd.Series) -> tuple[pd.DataFrame, int]:
    table = table.loc[sentiment.index[0] : sentiment.index[-1]]
    if table.empty:
        raise DataError(
            f"the sentiment, {sentiment.index[0]:%Y-%m-%d} to {sentiment.index[-1]:%Y-%m-%d}, "
            "and the prices have no day in common."
        )
    calendar = sentiment.reindex(pd.date_range(sentiment.index[0], sentiment.index[-1])).ffill()
    filled = int((~table.index.isin(sentiment.index)).sum())
    return table.assign(**{SENTIMENT: calendar.reindex(table.index)}), filled
