"""The Bitcoin paper's tables as facts, and where the paper contradicts itself."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

PRINTED_ERRORS = ["train_rmse", "train_mae", "val_rmse", "val_mae"]
"""The errors of the paper's tables, in their order."""

FEATURE_COUNTS = {
    "btc": 6,
    "btc_usd": 12,
    "btc_sent": 7,
    "btc_sp500": 12,
    "btc_usd_sent": 13,
    "btc_usd_sp500": 18,
    "btc_sent_sp500": 13,
    "btc_usd_sent_sp500": 19,
}
"""The number of features that the tables give for each row, in their order."""


class Contradiction(NamedTuple):
    """Two statements of the paper that cannot both be true.

    Attributes:
        where: the places in the paper.
        text: what they say, and what is done here.
    """

    where: str
    text: str


CONTRADICTIONS = (
    Contradiction(
        "Data Collection, Tables 1-3",
        "30 features (6 x 5), 18 macroeconomic features, and 19 with sentiment: six columns of three markets are 18, "
        "and the tables count so. Here: 18 and 19.",
    ),
    Contradiction(
        "Data Collection",
        "the data are 1303x30, and windows of them have 19 features. Here: 1304 days on which all three markets trade, "
        "one fewer with a sentiment that begins a day later.",
    ),
    Contradiction(
        "Data Collection, Figure 4",
        'the sentiment is a tag "labeled by humans" that is averaged by day, and it is VADER\'s score of the tweets. '
        "Here: sentiment=tag and sentiment=vader. 18 million tags by humans are not likely; rebuilt, they are the sign "
        "of the day's change of the price.",
    ),
    Contradiction(
        "Data Collection, Methodology",
        "the tweets are Kaggle's, and collected via the Twitter API; they are 16 million, and 18,452,917. "
        "Here: the file's two Kaggle layouts are read.",
    ),
    Contradiction("Data Collection", '"S&P 5000 index" is the S&P 500, as everywhere else in the paper.'),
    Contradiction(
        "Data Collection",
        "to predict 2018-10-21 the seven days back to 2018-10-14 are taken, but both are Sundays, and the 1303 days "
        "are those on which the stock market trades: seven of them span nine days or more.",
    ),
    Contradiction(
        "Results, Discussion",
        "the time window is the number of days that are looked back, the forecast is always the next day's; the "
        'Discussion takes windows for horizons ("short-term", "long-term" prediction). '
        "Here: experiment=market_horizons varies the horizon.",
    ),
    Contradiction(
        "Discussion I, Tables 1-2",
        '"sentiment effectively enhances" both models, but in 4 of the 16 pairs of Tables 1 and 2 that differ in '
        "sentiment alone the validation RMSE or MAE is larger with it.",
    ),
    Contradiction(
        "Discussion I, Tables 1-3",
        "the CNN-LSTM outperforms with more features, but with all 19 its RMSE is the LSTM's at one week (0.19).",
    ),
    Contradiction(
        "Discussion I, Conclusion",
        'one week and one month are "medium-term" windows, and what they show is the role of sentiment in '
        '"short-term" prediction. Here: windows and horizons are numbers of days.',
    ),
    Contradiction(
        "Results",
        "the validation days are those on which the feature sets are compared and the best is chosen: there is no "
        "third part. The share of these days and the unit of the errors are not given. Here: the last fifth and 0 to 1 "
        "are assumed.",
    ),
)
"""In the order of the paper."""


def errors() -> pd.DataFrame:
    """Tables 1-3: table, window, features, model, train and val RMSE and MAE."""
    return pd.read_csv(Path(__file__).with_name("bitcoin.csv"))
