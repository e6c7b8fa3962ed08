"""Bitcoin, walking forward: each net with sentiment beside the same net without it, on the same days."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from analysis.statistics.significance import ALPHA, holm
from analysis.tables.formatting import number
from datamodules.counts import count
from forecasting.accuracy import diebold_mariano

SENTIMENT = "sent"
"""The part of a feature set's name that stands for the sentiment."""

SHARED = ["messages", "window", "horizon", "source", "model", "cell"]
"""The columns that two nets of a pair share, beside their features and their seed."""

COMBINATION = ["features", "sentiment", "control", *SHARED]


def pairs_of_nets(predictions: pd.DataFrame, like_prices: Sequence[str] = ()) -> pd.DataFrame:
    """A row for each net with sentiment of which the partner without it was run, on closes.

    Args:
        predictions: rows of predictions.csv of runs with protocol=walk_forward, as for `walk_forward_table`.
        like_prices: sources of sentiment that the audit says to look like the price itself, which are left out.

    Returns:
        Columns COMBINATION and seed; days: tested by both; rmse and rmse_without: of logarithms on these days; p: two-
        sided, of Diebold and Mariano's test of the two; p_holm: after Holm's correction over all pairs without a
        control. Of the controls, only shuffled sentiment is among them: a leak is no sentiment.
    """
    test = predictions[(predictions["split"] == "test") & (predictions["target"] == "close")]
    test = test[~test["sentiment"].isin(like_prices) & (test["control"] != "leak")]
    test = test.assign(error=np.log(test["prediction"] / test["truth"]))
    controls = {"messages": "", "control": ""}
    test = test.astype(dict.fromkeys(controls, object)).fillna(controls)
    none = test["sentiment"].isna()
    without = {key: _by_day(rows) for key, rows in test[none].groupby(["features", *SHARED, "seed"])}
    found = []
    for key, rows in test[~none].groupby([*COMBINATION, "seed"], sort=False):
        net = dict(zip([*COMBINATION, "seed"], key, strict=True))
        partner = without.get((_without(str(net["features"])), *key[3:]))
        if partner is not None:
            found.append({**net, **_compared(_by_day(rows), partner, int(str(net["horizon"])))})
    table = pd.DataFrame(found, columns=[*COMBINATION, "seed", "days", "rmse", "rmse_without", "p"])
    table = table.astype(dict.fromkeys(["rmse", "rmse_without", "p"], float))  # of no rows, too
    return table.assign(p_holm=holm(table.assign(controlled=table["control"] != ""), ["controlled"]))


def _without(features: str) -> str:
    return "_".join(part for part in features.split("_") if part != SENTIMENT)


def _by_day(rows: pd.DataFrame) -> "pd.Series[float]":
    return rows.set_index("day")["error"].sort_index()


def _compared(errors: "pd.Series[float]", others: "pd.Series[float]", horizon: int) -> dict[str, float]:
    both = pd.concat([errors, others], axis=1, join="inner").sort_index().to_numpy()
    rmse, rmse_without = np.sqrt((both**2).mean(axis=0))
    p = diebold_mariano(both[:, 0], both[:, 1], horizon)[1]
    return {"days": len(both), "rmse": float(rmse), "rmse_without": float(rmse_without), "p": p}


def counted(pairs: pd.DataFrame) -> Mapping[str, int]:
    """How many combinations there are, in how many the mean error over seeds is lower with sentiment, and how many
    nets err significantly less or more with it, of all.

    Returns:
        combinations, lower, nets, better, worse.
    """
    means = _means(pairs)
    lower = pairs["rmse"] < pairs["rmse_without"]
    sure = pairs["p_holm"] < ALPHA
    return {
        **{"combinations": len(means), "lower": int((means["rmse"] < means["rmse_without"]).sum())},
        **{"nets": len(pairs), "better": int((sure & lower).sum()), "worse": int((sure & ~lower).sum())},
    }


def _means(pairs: pd.DataFrame) -> pd.DataFrame:
    return pairs.groupby(COMBINATION, sort=False)[["rmse", "rmse_without"]].mean()


def sentences(pairs: pd.DataFrame, like_prices: Sequence[str]) -> list[str]:
    """Sentences on the pairs with sentiment, and on those with shuffled sentiment."""
    real, shuffled = pairs[pairs["control"] == ""], pairs[pairs["control"] != ""]
    if real.empty:
        return []
    numbers, means = counted(real), _means(real)
    ratios = means["rmse"] / means["rmse_without"]
    left_out = f" Not counted as sentiment: {', '.join(like_prices)}, the price itself." if like_prices else ""
    found = [
        f"Walking forward, {count(real['sentiment'].nunique(), 'source')} of sentiment, each beside the same features "
        "without it, with the same window and horizon and on the same days: the mean error over seeds is lower with "
        f"sentiment in {numbers['lower']} of {numbers['combinations']} combinations, and {number(ratios.min(), 3)} to "
        f"{number(ratios.max(), 3)} times that without. Of {numbers['nets']} nets {numbers['better']} err "
        f"significantly less than their partner of the same seed and {numbers['worse']} significantly more, by Diebold "
        f"and Mariano's test after Holm's correction.{left_out}"
    ]
    if len(shuffled):
        chance = counted(shuffled)
        found.append(
            f"With the sentiment's days shuffled (`control=shuffled`), which tells nothing, the mean error is lower in "
            f"{chance['lower']} of {chance['combinations']} combinations."
        )
    return found
