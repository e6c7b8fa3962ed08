"""Runs on the market: weights of the features, and the Bitcoin paper's Figure 7."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from analysis.report.drawing import Axis, Figure, label, panel, ruled, tag
from analysis.report.palette import BLUE
from analysis.results import read, read_table
from analysis.table import Table, number

NET = ["protocol", "window", "model"]
"""What has a picture, and a panel, of its own."""

MOST_PICTURES = 8
MEDIAN = (
    "The Bitcoin paper's Figure 7 for each model and window: of its runs the median one by RMSE on the days that are "
    f"scored, not the best. At most {MOST_PICTURES} are shown; every run's folder has its own."
)
MEASURE = (
    "Permutation importance: rise of the RMSE, in scaled units, when the feature's values are shuffled among the days "
    "that are scored; mean over seeds and folds."
)
WIDTH, LEFT, TOP, ROW = 400, 150, 26, 17


@dataclass(frozen=True)
class Picture:
    """A PNG inside the page: `source` is a data URI."""

    title: str
    source: str


def scored(runs: Path) -> pd.DataFrame:
    """The row of metrics.csv of the part that is scored, the last one, of each finished run.

    Raises:
        ResultsError: there are none.
    """
    return read(runs, "features").groupby("folder", sort=False).tail(1).reset_index(drop=True)


def importance(runs: Path) -> pd.DataFrame:
    """Permutation importance of each feature, by protocol, window, model, cell and `set` of features: means over runs.

    Raises:
        ResultsError: there are no runs.
    """
    rows = read_table(runs, "features", "importance")
    controls = rows["control"].map(lambda name: f" ({name})" if pd.notna(name) else "")
    keys = [*NET, "cell", "set", "feature"]
    return rows.assign(set=rows["features"] + controls).groupby(keys, sort=False)["permutation"].mean().reset_index()


def weights(importance: pd.DataFrame) -> Figure:
    """A panel for each net, cell and window: a bar for each feature of the largest set.

    Args:
        importance: of the function of that name.
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
    parts = [ruled(axis, TOP, bottom, f"rise of the RMSE ({protocol})")]
    said = []
    for place, (feature, value) in enumerate(zip(rows["feature"], rows["permutation"], strict=True)):
        y = TOP + ROW * place
        start, end = sorted((axis.at(0), axis.at(value)))
        said.append(f"{feature} {value:.4f}")
        bar = tag("title", said[-1])
        parts.append(tag("rect", bar, x=start, y=float(y + 3), width=end - start, height=float(ROW - 6), fill=BLUE))
        parts.append(label(LEFT - 8, y + ROW * 0.7, str(feature), 22, text_anchor="end"))
    return panel(title, "; ".join(said), bottom + 36, *parts, width=WIDTH)


def weights_table(importance: pd.DataFrame) -> Table:
    """A row for each net, window and feature, a column for each feature set.

    Args:
        importance: of the function of that name.
    """
    numbers = importance.pivot_table("permutation", [*NET, "cell", "feature"], "set", "first", sort=False)
    shown = numbers.map(lambda value: number(value, 4)).reset_index()
    return Table("weights", "Weights of the features in each feature set", numbers.reset_index(), shown, [MEASURE])


def pictures(results: pd.DataFrame) -> Iterator[Picture]:
    """Figure 7 of the median run of each model, protocol and window.

    Args:
        results: of `scored`.
    """
    groups = list(results.groupby(NET))
    for (_, window, model), rows in groups[:MOST_PICTURES]:
        median = rows.sort_values("rmse").iloc[(len(rows) - 1) // 2]
        title = (
            f"{model}, window {window}, {median['features']}, seed {median['seed']}, fold {median['fold']}: "
            f"RMSE {median['rmse']:.4f} scaled, {median['relative_rmse']:.2f} times persistence's"
        )
        png = Path(str(median["folder"])) / "figure7.png"
        if png.exists():
            yield Picture(title, f"data:image/png;base64,{b64encode(png.read_bytes()).decode()}")
