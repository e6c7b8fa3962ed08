"""Score against training time: the cell paper's argument about cost as a picture."""

import pandas as pd
from markupsafe import Markup

from analysis.published.cell_paper import LSTM_CS
from analysis.report.palette import BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILLION
from analysis.report.svg import WIDTH, Axis, Figure, horizontal_axis, legend, mark, panel, text, vertical_axis
from analysis.tables.alteration_tables import TITLES
from analysis.tables.formatting import with_recipe
from analysis.tables.model_tables import MACHINE, encoders

SCORE = "macro_f1"
STYLES = {
    LSTM_CS: ("circle", BLUE, "LSTM-CS (bilstm)"),
    "transformer": ("square", VERMILLION, "transformer"),
    "bert": ("diamond", PURPLE, "BERT"),
    "tfidf": ("triangle", GREEN, "TF-IDF and logistic regression"),
}
OTHERS = [("down", ORANGE), ("cross", GREY), ("plus", GREY)]
LEFT, TOP, BOTTOM = 48, 44, 230


def figure(results: pd.DataFrame) -> Figure:
    """A panel for each data set, a mark for each model and cell: means over its runs.

    Args:
        results: from `text_results.read`.
    """
    keys = ["data", "model", "recipe", "cell"]
    means = results.groupby(keys, sort=False).agg(
        seconds=("seconds", "mean"), score=(SCORE, "mean"), n=("seed", "size")
    )
    styles = _styles(results["model"].unique().tolist())
    panels = [_panel(str(data), rows, styles) for data, rows in means.reset_index().groupby("data", sort=False)]
    absent = [words for model, (_, _, words) in STYLES.items() if model not in styles]
    notes = [f"Means over the runs of each model and cell. {MACHINE}", *encoders(results)]
    if absent:
        notes.append(f"Not run here: {', '.join(absent)}.")
    entries = [(mark(shape, 12, 7, colour), words) for shape, colour, words in styles.values()]
    entries.append((mark("circle", 12, 7, BLUE, False), "open: an altered cell"))
    return Figure(f"{TITLES[SCORE]} against seconds of training", panels, legend(entries), notes)


def _styles(models: list[str]) -> dict[str, tuple[str, str, str]]:
    """Shape, colour and name of each model that was run."""
    others = [model for model in models if model not in STYLES]
    styles = {model: style for model, style in STYLES.items() if model in models}
    return styles | {model: (*OTHERS[place % len(OTHERS)], model) for place, model in enumerate(others)}


def _panel(name: str, rows: pd.DataFrame, styles: dict[str, tuple[str, str, str]]) -> Markup:
    x = Axis.over(rows["seconds"], LEFT, WIDTH - 12, log=True)
    y = Axis.over(100 * rows["score"], BOTTOM, TOP)
    parts = [
        horizontal_axis(x, TOP, BOTTOM, "seconds of training for each fit (logarithmic)"),
        vertical_axis(y, LEFT, WIDTH - 12),
        text(LEFT, TOP - 8, f"{TITLES[SCORE]}, %", text_anchor="middle"),
    ]
    described = []
    for row in rows.sort_values("cell", key=lambda cell: cell == "baseline").to_dict("records"):  # the baseline on top
        shape, colour, _ = styles[row["model"]]
        which = with_recipe(row["model"], row["recipe"])
        words = f"{which} {row['cell']}: {100 * row['score']:.2f} %, {row['seconds']:,.1f} s, n = {row['n']}"
        described.append(words)
        if row["seconds"] > 0:
            parts.append(
                mark(shape, x.at(row["seconds"]), y.at(100 * row["score"]), colour, row["cell"] == "baseline", words)
            )
    return panel(name, "; ".join(described), BOTTOM + 36, *parts)
