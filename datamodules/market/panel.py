"""The table that forecasts are made from: a row per day on which all markets trade, a column per feature."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from datamodules.errors import DataError
from datamodules.market.prices import join_markets
from datamodules.market.yahoo_layout import COLUMNS, MARKETS, PRICE_COLUMNS

SENTIMENT = "sentiment"
FEATURE_SERIES = (*MARKETS, SENTIMENT)
"""The series a feature set can contain: six columns for each market, one for sentiment."""


class Panel(NamedTuple):
    """Features, and the closes to forecast.

    Attributes:
        features: `[N, F]` float64, columns such as "btc Close" and "sentiment"; index of days, in rising order.
        close: `[N]` float64, Bitcoin's close in dollars on the same days.
    """

    features: pd.DataFrame
    close: pd.Series


def assemble_panel(
    markets: Mapping[str, pd.DataFrame], sentiment: pd.Series | None, series: Sequence[str]
) -> tuple[Panel, int]:
    """Join the series of a feature set.

    The days are those on which all of `markets` trade, even if the feature set leaves some markets out, so that all
    feature sets are compared on the same days. With sentiment, the days are cut to its range; a day without a value
    gets the last earlier value, never a later one.

    Args:
        markets: prices of every one of MARKETS.
        sentiment: values by calendar day; needed if `series` names it.
        series: some of FEATURE_SERIES, in the order of the columns.

    Returns:
        The panel, and the number of days on which sentiment was filled in.

    Raises:
        DataError: `series` has an unknown name, or the series have no day in common.
    """
    if unknown := set(series) - set(FEATURE_SERIES):
        raise DataError(f"features.series has {sorted(unknown)[0]!r}: choose some of {', '.join(FEATURE_SERIES)}.")
    table = join_markets(markets)
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


def relative_changes(panel: Panel) -> Panel:
    """Features that do not grow with the price, for `protocol=walk_forward`; the first row is dropped.

    A price p_t of a market becomes log(p_t / C_(t-1)), where C_(t-1) is that market's previous close; a volume v_t
    becomes log((1 + v_t) / (1 + v_(t-1))); sentiment stays. Prices scaled by the past would leave the range of the
    training part, since Bitcoin rises a hundredfold within the paper's days. On windows of 7, 30 and 90 days of
    Bitcoin's prices, ridge regression has 1.08, 1.03 and 1.63 times the error of persistence, on these changes 1.00;
    if it is told the sign of tomorrow's change, 2.10, 3.52 and 6.36 times, on these changes 0.78, 0.88 and 0.94.
    """
    features = panel.features.copy()
    for market in MARKETS:
        if f"{market} Close" not in features:
            continue
        previous = panel.features[f"{market} Close"].shift()
        for column in PRICE_COLUMNS:
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
