"""Forecasters: the permutation importance of their features, with intervals over seeds, in one figure."""

import numpy as np
import pandas as pd
from markupsafe import Markup

from analysis.report.palette import BLACK
from analysis.report.persistence import NETS
from analysis.report.svg import Axis, Figure, horizontal_axis, label, legend, line, mark, panel
from analysis.statistics.significance import t_test
from analysis.tables.formatting import number
from analysis.tables.market_differences import interval
from analysis.tables.table import Table

PANEL = ["protocol", "window", "horizon", "target"]
"""The columns that the runs of one panel share."""

NET = [*PANEL, "net", "set"]
"""The columns that the runs of one net share; `net` is the model and its cell, `set` its features."""

MEASURE = (
    "Permutation importance: rise of the RMSE, in scaled units, when the feature's values are shuffled in the part "
    "that is scored. Marks are means over seeds, of all folds of a seed; lines are 95 % intervals over seeds, by "
    "Student's t. A mark without a line is a single seed."
)
WIDTH, LEFT, TOP, ROW, APART = 400, 150, 26, 24, 5


def mean_importance(weights: pd.DataFrame, results: pd.DataFrame) -> pd.DataFrame:
    """The importance of each feature in each net: columns NET, feature, seeds, mean, low, high.

    Args:
        weights: rows of importance.csv, from `market_results.read_table`; those of other runs are left out.
        results: the runs, from `market_results.scored`.
    """
    rows = weights[weights["folder"].isin(results["folder"])]
    controls = rows["control"].map(lambda name: f" ({name})" if pd.notna(name) else "")
    cells = rows["cell"].map(lambda cell: "" if cell == "baseline" else f" {cell}")
    rows = rows.assign(set=rows["features"] + controls, net=rows["model"] + cells)
    of_seeds = rows.groupby([*NET, "feature", "seed"], sort=False)["permutation"].mean()
    found = of_seeds.groupby([*NET, "feature"], sort=False).agg(["size", "mean", "std"]).reset_index()
    n = found["size"].where(found["size"] > 1).to_numpy(float)
    test = t_test(found["mean"].to_numpy(), found["std"].to_numpy() / np.sqrt(n), n - 1)
    return found.drop(columns="std").rename(columns={"size": "seeds"}).assign(low=test.low, high=test.high)


def figure(importance: pd.DataFrame) -> Figure:
    """A panel for each window: a row for each feature of the largest set, a mark with its interval for each net.

    Args:
        importance: from `mean_importance`.
    """
    drawn = {net: NETS[place % len(NETS)] for place, net in enumerate(sorted(importance["net"].unique()))}
    panels = []
    for values, rows in importance.groupby(PANEL):
        largest = rows["set"].value_counts(sort=True).index[0]
        panels.append(_panel(dict(zip(PANEL, values, strict=True)), rows[rows["set"] == largest], drawn))
    entries = [(mark(shape, 12, 7, colour), net) for net, (shape, colour) in drawn.items()]
    return Figure("Weights of the features in the largest feature set", panels, legend(entries), [MEASURE])


def _panel(values: dict[str, object], rows: pd.DataFrame, drawn: dict[str, tuple[str, str]]) -> Markup:
    bounds = [rows[name].dropna() for name in ("mean", "low", "high")]
    axis = Axis.over([0.0, *pd.concat(bounds)], LEFT, WIDTH - 14)
    places = {feature: TOP + ROW * (place + 0.5) for place, feature in enumerate(dict.fromkeys(rows["feature"]))}
    bottom = TOP + ROW * len(places)
    parts = [
        horizontal_axis(axis, TOP, bottom, f"rise of the RMSE ({values['protocol']} protocol)"),
        line(axis.at(0), TOP, axis.at(0), bottom, BLACK),
    ]
    parts += [label(LEFT - 8, y + 4, str(feature), 22, text_anchor="end") for feature, y in places.items()]
    described, nets = [], list(dict.fromkeys(rows["net"]))
    for each in rows.to_dict("records"):
        shape, colour = drawn[each["net"]]
        y = places[each["feature"]] + APART * (nets.index(each["net"]) - (len(nets) - 1) / 2)
        described.append(
            f"{each['net']}, {each['feature']} {number(each['mean'], 4)}" + interval(each["low"], each["high"])
        )
        if pd.notna(each["low"]):
            parts.append(line(axis.at(each["low"]), y, axis.at(each["high"]), y, colour, stroke_width="2"))
        parts.append(mark(shape, axis.at(each["mean"]), y, colour, True, described[-1]))
    more = [f"horizon {values['horizon']}"] if values["horizon"] != 1 else []
    more += [str(values["target"])] if values["target"] != "close" else []
    title = ", ".join([f"window {values['window']}", *more])
    return panel(f"{title}: {rows['set'].iloc[0]}", "; ".join(described), bottom + 36, *parts, width=WIDTH)


def table(importance: pd.DataFrame) -> Table:
    """A row for each net, window and feature, a column for each feature set: mean and interval over seeds.

    Args:
        importance: from `mean_importance`.
    """
    texts = [
        number(mean, 4) + interval(low, high) for mean, low, high in importance[["mean", "low", "high"]].to_numpy()
    ]
    keys = [*PANEL, "net", "feature"]
    shown = importance.assign(text=texts).pivot_table("text", keys, "set", "first", sort=False).fillna("-")
    return Table("weights", "Weights of the features in each feature set", importance, shown.reset_index(), [MEASURE])
