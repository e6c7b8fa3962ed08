"""Forecasts beside persistence ("tomorrow = today"): RMSE relative to it, for each feature set and net."""

import pandas as pd
from markupsafe import Markup

from analysis.report.palette import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION
from analysis.report.svg import Axis, Figure, horizontal_axis, label, legend, line, mark, panel

PANEL = ["protocol", "window", "horizon", "target", "source"]
"""The columns that the runs of one panel share."""

BASELINES = {
    "seasonal": ("cross", BLUE),
    "ar": ("cross", BLACK),
    "har": ("cross", GREY),
    "garch": ("plus", BLACK),
    "ridge": ("plus", GREY),
    "ets": ("plus", BLUE),
    "arima": ("plus", VERMILLION),
}
"""The baselines that are drawn, beside persistence, which is the line at 1; drift hardly differs from it."""

NETS = [
    ("circle", BLUE),
    ("square", VERMILLION),
    ("triangle", GREEN),
    ("diamond", PURPLE),
    ("down", ORANGE),
    ("circle", SKY),
]
WIDTH, LEFT, TOP, ROW, APART = 400, 140, 26, 24, 5

NOTE = (
    "Left of 1 is better than persistence. Marks are means over seeds and folds, lines reach from the least to the "
    "greatest of them. Logarithmic scale."
)


def figure(results: pd.DataFrame, baselines: pd.DataFrame, forecast: str = "tomorrow = today") -> Figure:
    """A panel for each protocol and window, a row for each feature set, a mark for each net: mean and range of runs.

    Args:
        results: from `market_results.scored`.
        baselines: rows of baselines.csv, from `results.read_table`; those of other runs are left out.
        forecast: persistence in words.
    """
    nets = results.assign(forecast=results["model"] + results["cell"].map(_altered), row=feature_sets(results))
    styles = {net: NETS[place % len(NETS)] for place, net in enumerate(sorted(nets["forecast"].unique()))}
    parts = baselines.merge(nets[["folder", "split", "row"]], on=["folder", "split"])
    drawn = styles | {name: style for name, style in BASELINES.items() if (parts["forecast"] == name).any()}
    every = pd.concat([nets, parts[parts["forecast"].isin(BASELINES)]], ignore_index=True)
    panels = [_panel(values, rows.sort_values("features"), drawn) for values, rows in every.groupby(PANEL)]
    entries = [(mark(shape, 12, 7, colour), name) for name, (shape, colour) in drawn.items()]
    entries.append((line(12, 0, 12, 14, BLACK), f"1: persistence, {forecast}"))
    sentiment = ", ".join(sorted(results["sentiment"].dropna().unique()))
    notes = [NOTE, *([f"Sentiment: {sentiment}."] if sentiment else [])]
    return Figure("RMSE relative to persistence, on the part that is scored", panels, legend(entries), notes)


def _altered(cell: str) -> str:
    return "" if cell == "baseline" else f" {cell}"


def feature_sets(results: pd.DataFrame) -> pd.Series:
    """The feature set of each run, with its control, and with its sentiment if there are several."""
    several = results["sentiment"].nunique() > 1
    rows = results["features"]
    for column in ["sentiment", "control"] if several else ["control"]:
        rows = (rows + " " + results[column].astype(object).fillna("")).str.strip()
    return rows


def _panel(values: tuple[object, ...], rows: pd.DataFrame, drawn: dict[str, tuple[str, str]]) -> Markup:
    protocol, window, horizon, target, source = values
    groups = rows.groupby(["row", "forecast"], sort=False)["relative_rmse"].agg(["mean", "min", "max", "size"])
    places = {row: TOP + ROW * (place + 0.5) for place, row in enumerate(dict.fromkeys(rows["row"]))}
    nets = [forecast for forecast in drawn if forecast not in BASELINES]
    bottom = TOP + ROW * len(places)
    axis = Axis.over([*groups["min"], *groups["max"], 1.0], LEFT, WIDTH - 14, log=True)
    parts = [
        horizontal_axis(axis, TOP, bottom, "RMSE / persistence's RMSE"),
        line(axis.at(1), TOP, axis.at(1), bottom, BLACK),
    ]
    parts += [label(LEFT - 8, y + 4, row, 20, text_anchor="end") for row, y in places.items()]
    described = []
    for each in groups.reset_index().to_dict("records"):
        shape, colour = drawn[each["forecast"]]
        y = places[each["row"]]
        words = (
            f"{each['row']}, {each['forecast']}: {each['mean']:.3f} "
            f"({each['min']:.3f} to {each['max']:.3f}, n = {each['size']})"
        )
        if each["forecast"] in nets:
            y += APART * (nets.index(each["forecast"]) - (len(nets) - 1) / 2)
            parts.append(line(axis.at(each["min"]), y, axis.at(each["max"]), y, colour, stroke_width="2"))
        parts.append(mark(shape, axis.at(each["mean"]), y, colour, True, words))
        described.append(words)
    title = f"{protocol} protocol, window {window}, {source}" + (f", horizon {horizon}" if horizon != 1 else "")
    title += f", {target}" if target != "close" else ""
    return panel(title, "; ".join(described), bottom + 36, *parts, width=WIDTH)
