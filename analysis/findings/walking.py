"""Bitcoin, walking forward: the nets of all seeds beside persistence and the best forecast without a net."""

from collections.abc import Sequence

import pandas as pd

from analysis.statistics.significance import ALPHA, holm
from analysis.tables.formatting import number
from analysis.tables.table import Table
from analysis.tables.walk_forward_table import RUN

ASKED = [name for name in RUN if name != "source"]
OPTIONAL = ["sentiment", "messages", "control"]
ORDER = ["target", "control", "window", "horizon", "features", "sentiment", "messages"]

NOTES = (
    "Nets: RMSE of logarithms over that of persistence on the test days of all folds, the mean over seeds [lowest, "
    "highest]. Better, worse: seeds with p < 5 % by Diebold and Mariano's test, each by itself. Best other: lowest "
    "of the forecasts without a net, on the same days.",
    "leak: the sentiment of the day that is forecast tells its direction. shuffled: its days in another order.",
)


def walks(numbers: pd.DataFrame, like_prices: Sequence[str] = ()) -> pd.DataFrame:
    """A row for each question that nets were asked: their errors over seeds, and the best forecast without a net.

    Args:
        numbers: of `walk_forward_table`.
        like_prices: sources of sentiment that the audit says to look like the price itself.

    Returns:
        The columns ASKED; days, seeds; mean, low, high: relative_rmse of the nets; better, worse: of how many seeds the
        Diebold-Mariano p is below 5%; surely: of how many it is after Holm's correction over all nets without a
        control, and they are better; other, other_relative: the best forecast without a net; like_price: whether the
        sentiment is among `like_prices`.
    """
    net = numbers["forecast"].str.contains(", seed ")
    nets, others = numbers[net], numbers[~net]
    tested = nets[nets["control"].isna()]
    sure = holm(tested.assign(p=tested["dm_p"], family="nets"), ["family"]).reindex(nets.index) < ALPHA
    below, told = nets["relative_rmse"] < 1, nets["dm_p"] < ALPHA
    nets = nets.assign(better=below & told, worse=~below & told, surely=below & sure)
    beside = others.groupby(ASKED, dropna=False)
    rows = []
    for asked, group in nets.groupby(ASKED, sort=False, dropna=False):
        best = beside.get_group(asked).sort_values("relative_rmse", kind="stable").iloc[0]
        relative = group["relative_rmse"]
        rows.append(
            {
                **dict(zip(ASKED, asked, strict=True)),
                **{"days": int(group["days"].iloc[0]), "seeds": len(group)},
                **{"mean": relative.mean(), "low": relative.min(), "high": relative.max()},
                **{name: int(group[name].sum()) for name in ("better", "worse", "surely")},
                **{"other": best["forecast"], "other_relative": best["relative_rmse"]},
            }
        )
    found = pd.DataFrame(rows)
    found = found.assign(like_price=found["sentiment"].isin(like_prices))
    return found.sort_values(ORDER, kind="stable", na_position="first", ignore_index=True)


def walks_table(rows: pd.DataFrame) -> Table:
    """The table of `walks` as the page shows it."""
    shown = rows[ASKED].astype(dict.fromkeys(OPTIONAL, object)).fillna(dict.fromkeys(OPTIONAL, "-"))
    shown = shown.loc[:, [name for name in shown if name not in OPTIONAL or (shown[name] != "-").any()]]
    spread = zip(rows["mean"], rows["low"], rows["high"], strict=True)
    shown = shown.assign(
        days=rows["days"],
        seeds=rows["seeds"],
        nets=[f"{number(mean, 3)} [{number(low, 3)}, {number(high, 3)}]" for mean, low, high in spread],
        better=rows["better"],
        worse=rows["worse"],
        **{"best other": [f"{row['other']} {number(row['other_relative'], 3)}" for _, row in rows.iterrows()]},
    )
    names = like_prices(rows)
    named = [f"By the audit of daily series these look like the price itself: {', '.join(names)}."]
    return Table(
        "walks", "Walking forward: nets, relative to persistence", rows, shown, [*NOTES, *(named if names else [])]
    )


def like_prices(rows: pd.DataFrame) -> list[str]:
    """The sources of sentiment among the rows of `walks` that look like the price itself."""
    return sorted(rows.loc[rows["like_price"], "sentiment"].unique())


def persistence(rows: pd.DataFrame) -> list[str]:
    """Sentences about closes, walking forward: of nets that see no future, and of those that do."""
    asked = rows[(rows["target"] == "close") & rows["control"].isna()]
    if asked.empty:
        return []
    seeds = int(asked["seeds"].sum())
    found = [
        f"Walking forward, on test days that no choice was made by, {int((asked['mean'] < 1).sum())} of {len(asked)} "
        f"combinations of features, sentiment, window and horizon err less on average over their seeds; of {seeds} "
        f"nets {int(asked['surely'].sum())} err significantly less after Holm's correction."
    ]
    leaking = rows[rows["control"] == "leak"]
    if len(leaking):
        found.append(
            "Where the sentiment is made to tell tomorrow's direction (`control=leak`), the nets err "
            f"{number(leaking['low'].min(), 2)} to {number(leaking['high'].max(), 2)} times as much as persistence: "
            "a signal that is there is found."
        )
    return found


def volatility(rows: pd.DataFrame) -> list[str]:
    """A sentence about volatility as the target."""
    asked = rows[rows["target"] == "volatility"]
    if asked.empty:
        return []
    best, other = (asked.sort_values(name).iloc[0] for name in ("mean", "other_relative"))
    return [
        f"Of volatility the best nets, on {best['features']}, have {number(best['mean'], 3)} times the error of "
        f"persistence on average over their seeds, the best forecast without a net ({other['other']}) "
        f"{number(other['other_relative'], 3)}."
    ]
