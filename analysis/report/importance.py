"""Runs on the market: the permutation importance of their features, as a figure and a table."""

from pathlib import Path

import pandas as pd
from markupsafe import Markup

from analysis.report.palette import BLUE
from analysis.report.svg import Axis, Figure, horizontal_axis, label, panel, tag
from analysis.study.results import read_table
from analysis.tables.formatting import number
from analysis.tables.table import Table

NET = ["protocol", "window", "model"]
"""The columns that the runs of one net share."""

MEASURE = (
    "Permutation importance: rise of the RMSE, in scaled units, when the feature's values are shuffled among the days "
    "that are scored; mean over seeds and folds."
)
WIDTH, LEFT, TOP, ROW = 400, 150, 26, 17


def mean_importance(runs: Path) -> pd.DataFrame:
    """The mean importance of each feature over runs, by protocol, window, model, cell and `set` of features.

    Raises:
        UserError: there are no runs, or one lacks its importance.csv.
    """
    rows = read_table(runs, "features", "importance")
    controls = rows["control"].map(lambda name: f" ({name})" if pd.notna(name) else "")
    keys = [*NET, "cell", "set", "feature"]
    return rows.assign(set=rows["features"] + controls).groupby(keys, sort=False)["permutation"].mean().reset_index()


def figure(importance: pd.DataFrame) -> Figure:
    """A panel for each net, cell and window: a bar for each feature of the largest set.

    Args:
        importance: from `mean_importance`.
    """
    panels = []
    for (protocol, window, model, cell), rows in importance.groupby([*NET, "cell"]):
        largest = rows["set"].value_counts(sort=True).index[0]
        net = model if cell == "baseline" else f"{model} {cell}"
        title = f"{net}, window {window}: {largest}"
        panels.append(_bars(title, f"{protocol} protocol", rows[rows["set"] == largest]))
    return Figure("Weights of the features in the largest feature set", panels, notes=[MEASURE])


def _bars(title: str, protocol: str, rows: pd.DataFrame) -> Markup:
    axis = Axis.over([0.0, *rows["permutation"]], LEFT, WIDTH - 14)
    bottom = TOP + ROW * len(rows)
    parts = [horizontal_axis(axis, TOP, bottom, f"rise of the RMSE ({protocol})")]
    described = []
    for place, (feature, value) in enumerate(zip(rows["feature"], rows["permutation"], strict=True)):
        y = TOP + ROW * place
        start, end = sorted((axis.at(0), axis.at(value)))
        described.append(f"{feature} {value:.4f}")
        bar = tag("title", described[-1])
        parts.append(tag("rect", bar, x=start, y=float(y + 3), width=end - start, height=float(ROW - 6), fill=BLUE))
        parts.append(label(LEFT - 8, y + ROW * 0.7, str(feature), 22, text_anchor="end"))
    return panel(title, "; ".join(described), bottom + 36, *parts, width=WIDTH)


def table(importance: pd.DataFrame) -> Table:
    """A row for each net, window and feature, a column for each feature set.

    Args:
        importance: from `mean_importance`.
    """
    numbers = importance.pivot_table("permutation", [*NET, "cell", "feature"], "set", "first", sort=False)
    shown = numbers.map(lambda value: number(value, 4)).reset_index()
    return Table("weights", "Weights of the features in each feature set", numbers.reset_index(), shown, [MEASURE])
