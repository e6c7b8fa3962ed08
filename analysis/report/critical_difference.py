"""Critical-difference diagrams: the cells' average ranks, and which of them cannot be told apart."""

from collections.abc import Iterator, Mapping

import pandas as pd
from markupsafe import Markup

from analysis.report.palette import BLACK, GREY, VERMILLION
from analysis.report.svg import Axis, Figure, label, line, panel, text
from analysis.statistics.ranks import Ranks
from analysis.tables.alteration_tables import TITLES
from analysis.tables.formatting import with_recipe

WIDTH, MARGIN, TOP, ROW, BAR = 720, 130, 84, 17, 8


def figures(found: Mapping[tuple[str, str], Ranks], metric: str) -> Iterator[Figure]:
    """One diagram for each model and recipe.

    Args:
        found: from `ranks.ranks`.
        metric: the score by which the cells are ranked.
    """
    for (model, recipe), rank in found.items():
        title = f"Average ranks by {TITLES[metric]} over {', '.join(rank.data)}, {with_recipe(model, recipe)}"
        described = "; ".join(f"{cell} {value:.2f}" for cell, value in rank.average.items())
        yield Figure(title, [_diagram(rank, described)], notes=[_test(rank), *rank.notes])


def why_none(results: pd.DataFrame) -> str:
    """A sentence that says why there is no diagram.

    Args:
        results: from `text_results.read`.
    """
    lacking = []
    for (model, recipe), runs in results.groupby(["model", "recipe"], sort=False):
        cells = set(runs["cell"])
        for data, rows in runs.groupby("data"):
            if absent := sorted(cells - set(rows["cell"])):
                lacking.append(f"{with_recipe(str(model), str(recipe))} on {data} lacks {', '.join(absent)}")
    because = f" Here {'; '.join(lacking)}." if lacking else ""
    return (
        "No critical-difference diagram: it needs two data sets, and three cells of a model that were run on all of "
        f"them.{because}"
    )


def _test(rank: Ranks) -> str:
    few = " With so few data sets the test hardly tells any cells apart." if len(rank.data) < 5 else ""
    return (
        f"1 is the best rank. Cells under one thick bar are not told apart (Nemenyi, 5 %, critical difference "
        f"{rank.critical_difference:.2f}). Friedman: chi2 = {rank.statistic:.2f}, p = {rank.p:.3g}.{few}"
    )


def _diagram(rank: Ranks, described: str) -> Markup:
    cells = [(str(cell), float(value)) for cell, value in rank.average.items()]
    axis = Axis(1, len(cells), MARGIN, WIDTH - MARGIN)
    half = (len(cells) + 1) // 2
    below = TOP + BAR * (len(rank.alike) + 1)
    parts = [*_scale(axis, rank.critical_difference)]
    for place, (cell, value) in enumerate(cells):
        left = place < half
        y = below + ROW * (place if left else len(cells) - 1 - place) + 8
        parts += _cell(axis.at(value), y, cell, value, left)
    for place, group in enumerate(rank.alike):
        ends = sorted(axis.at(float(rank.average[cell])) for cell in group)
        y = TOP + BAR * (place + 1)
        parts.append(line(ends[0] - 4, y, ends[-1] + 4, y, VERMILLION, stroke_width="4"))
    return panel(
        "Critical-difference diagram", f"Average ranks: {described}.", below + ROW * half + 12, *parts, width=WIDTH
    )


def _scale(axis: Axis, difference: float) -> Iterator[Markup]:
    """The scale of ranks, and above it the critical difference, cut off where it is longer than the scale."""
    yield line(axis.start, TOP, axis.end, TOP, BLACK)
    for value in range(int(axis.low), int(axis.high) + 1):
        x = axis.at(value)
        yield line(x, TOP - 6, x, TOP, BLACK)
        yield text(x, TOP - 10, str(value), text_anchor="middle")
    end = min(axis.at(axis.low + difference), axis.end)
    yield line(axis.start, 44, end, 44, BLACK, stroke_width="2")
    yield line(axis.start, 40, axis.start, 48, BLACK, stroke_width="2")
    if axis.at(axis.low + difference) <= axis.end:
        yield line(end, 40, end, 48, BLACK, stroke_width="2")
    wider = "" if axis.at(axis.low + difference) <= axis.end else ", wider than the scale"
    yield text(axis.start, 36, f"critical difference {difference:.2f}{wider}")


def _cell(x: float, y: float, cell: str, value: float, left: bool) -> Iterator[Markup]:
    end = MARGIN - 10 if left else WIDTH - MARGIN + 10
    yield line(x, TOP, x, y, GREY)
    yield line(x, y, end, y, GREY)
    yield label(end + (-4 if left else 4), y + 4, f"{cell} {value:.2f}", text_anchor="end" if left else "start")
