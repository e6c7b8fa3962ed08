"""By how much each alteration improves a score: a mark with its 95% interval for each alteration and data set."""

from collections.abc import Iterator

import pandas as pd
from markupsafe import Markup

from analysis.published import cell_paper
from analysis.published.cell_paper import AVERAGED_SETS, LSTM_CS
from analysis.report.palette import BLACK, BLUE, GREEN, GREY, VERMILLION
from analysis.report.svg import WIDTH, Axis, Figure, horizontal_axis, label, legend, line, mark, panel, text
from analysis.statistics.averages import averages
from analysis.statistics.significance import ALPHA
from analysis.study.text_results import GROUP, in_cell_order
from analysis.tables.alteration_tables import LEFT_OUT, TITLES
from analysis.tables.formatting import estimate, estimates, number, with_recipe
from cells.alterations import CURRENT, HIDDEN

DRAWN_SCORES = ("macro_f1", "accuracy")
LEFT, TOP, ROW = 100, 26, 17
PAPER = ("diamond", GREY)
NO_RESULT = "no run has a result"

NOTES = (
    "Percent above the baseline's mean score, paired by seed and fold; lines are 95 % intervals by the corrected "
    "t-test for repeated cross-validation. Each panel has its own scale. A mark without a line is a single "
    "pair of runs or a single fold.",
)


def figures(improved: pd.DataFrame, without_result: pd.DataFrame) -> Iterator[Figure]:
    """A figure for each model, recipe and score: a panel for each data set, and one for their average.

    Args:
        improved: from `improvements.improvements`.
        without_result: from `text_results.without_result`: a cell none of whose runs has a result gets a row without a
            mark.
    """
    means = averages(improved, LEFT_OUT)
    for (model, recipe), group in improved.groupby(["model", "recipe"], sort=False):
        mean = means[(means["model"] == model) & (means["recipe"] == recipe) & (means["sets"] > 1)]
        for metric in DRAWN_SCORES:
            rows = group[group["metric"] == metric].dropna(subset="improvement")
            if rows.empty:
                continue
            panels = [
                _panel(
                    str(data),
                    in_cell_order(_with_failed_cells(part, without_result)),
                    _printed(str(data), metric, str(model)),
                )
                for data, part in rows.groupby("data", sort=False)
            ]
            notes = list(NOTES)
            over = mean[mean["metric"] == metric]
            if len(over):
                sets = over["data"].iloc[0]
                panels.append(_panel(f"mean over {sets}", in_cell_order(over), _printed_mean(metric, str(model))))
                notes += _other_sets(sets, str(model))
            title = (
                f"{TITLES[metric]}: improvement over the baseline in percent, {with_recipe(str(model), str(recipe))}"
            )
            yield Figure(title, panels, _legend(rows, model == LSTM_CS), notes)


def _with_failed_cells(rows: pd.DataFrame, without_result: pd.DataFrame) -> pd.DataFrame:
    """The rows of one data set, and a row without numbers for each cell that has runs but no result."""
    same = (without_result[GROUP] == rows[GROUP].iloc[0]).all(axis=1)
    cells = [cell for cell in without_result.loc[same, "cell"].unique() if cell not in {"baseline", *rows["cell"]}]
    return pd.concat([rows, pd.DataFrame({"cell": cells})], ignore_index=True) if cells else rows


def _other_sets(sets: str, model: str) -> list[str]:
    """A sentence that the paper's mean is over other data sets, if it is."""
    if model != LSTM_CS or set(sets.split(", ")) == set(AVERAGED_SETS):
        return []
    theirs = ", ".join(AVERAGED_SETS)
    return [f"The paper's means are over {theirs}: beside a mean over {sets} they are not the same quantity."]


def _printed(data: str, metric: str, model: str) -> dict[str, float]:
    paper = cell_paper.improvements()
    paper = paper[(paper["data"] == data) & (paper["cell"] != "baseline") & (model == LSTM_CS)]
    return dict(zip(paper["cell"], paper[metric], strict=True))


def _printed_mean(metric: str, model: str) -> dict[str, float]:
    paper = cell_paper.average_improvements()
    return dict(zip(paper["cell"], paper[metric], strict=True)) if model == LSTM_CS else {}


def style(cell: str) -> tuple[str, str]:
    """Shape and colour of a cell's mark: one for alterations of each state, one for other cells."""
    if cell in CURRENT:
        return "circle", BLUE
    return ("square", VERMILLION) if cell in HIDDEN else ("triangle", GREEN)


def _panel(name: str, rows: pd.DataFrame, paper: dict[str, float]) -> Markup:
    shown = {cell: value for cell, value in paper.items() if cell in set(rows["cell"])}
    bounds = pd.concat([rows[key].dropna() for key in ("improvement", "low", "high")])
    axis = Axis.over([*bounds, *shown.values(), 0.0], LEFT, WIDTH - 12)
    bottom = TOP + ROW * len(rows)
    parts = [horizontal_axis(axis, TOP, bottom, "improvement, %"), line(axis.at(0), TOP, axis.at(0), bottom, BLACK)]
    for place, (_, row) in enumerate(rows.iterrows()):
        parts += _row(axis, TOP + ROW * (place + 0.5), row, shown.get(str(row["cell"])))
    words = (NO_RESULT if number == "-" else number for number in estimates(rows))
    described = (f"{cell} {text}" for cell, text in zip(rows["cell"], words, strict=True))
    return panel(name, f"Improvement in percent: {'; '.join(described)}.", bottom + 36, *parts)


def _row(axis: Axis, y: float, row: pd.Series, paper: float | None) -> Iterator[Markup]:
    shape, colour = style(str(row["cell"]))
    yield label(LEFT - 8, y + 4, str(row["cell"]), text_anchor="end")
    if pd.isna(row["improvement"]):
        yield text(LEFT + 4, y + 4, NO_RESULT)
        return
    if paper is not None:
        yield mark(PAPER[0], axis.at(paper), y, PAPER[1], False, f"{row['cell']}, the paper: {paper:+.3f} %")
    if pd.notna(row["low"]):
        yield line(axis.at(row["low"]), y, axis.at(row["high"]), y, colour, stroke_width="2")
    words = f"{row['cell']}: {estimate(row['improvement'], row['low'], row['high'])} %"
    if pd.notna(row["p_holm"]):
        words += f", p = {number(row['p_holm'])} after Holm's correction"
    yield mark(shape, axis.at(row["improvement"]), y, colour, bool(row["p_holm"] < ALPHA), words)


def _legend(rows: pd.DataFrame, beside_the_paper: bool) -> Markup:
    meanings = {
        "circle": "current state altered",
        "square": "hidden state altered",
        "triangle": "none of the paper's 17",
    }
    styles = dict.fromkeys(style(str(cell)) for cell in in_cell_order(rows)["cell"])
    entries = [(mark(shape, 12, 7, colour, False), meanings[shape]) for shape, colour in styles]
    shape, colour = next(iter(styles))
    entries.append((mark(shape, 12, 7, colour), "filled: p < 5 % after Holm's correction"))
    if beside_the_paper:
        entries.append((mark(PAPER[0], 12, 7, PAPER[1], False), "the paper's number, where it prints one"))
    return legend(entries)
