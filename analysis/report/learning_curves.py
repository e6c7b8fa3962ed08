"""Learning curves: losses and macro-F1 over the epochs of training."""

from collections.abc import Iterable, Iterator

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from analysis.report.logs import CellLogs, Group, mean_curve
from analysis.report.palette import BLACK, BLUE, GREY, VERMILLION
from analysis.report.svg import WIDTH, Axis, Figure, horizontal_axis, legend, line, mark, panel, tag, vertical_axis
from analysis.tables.formatting import with_recipe

TAGS = {
    "train/loss": ("training loss", 1),
    "val/loss": ("validation loss", 1),
    "val/macro_f1": ("validation macro-F1, %", 100),
}
"""The panels: for each tag its name and the factor by which it is multiplied."""

STYLES = [(BLACK, "none", "circle"), (BLUE, "7 3", "square"), (VERMILLION, "2 3", "triangle")]
"""The colour, dashes and end mark of each line that stands out."""

OUTSTANDING = ["baseline", "C1", "H2"]
"""The baseline and the paper's best cell of each state stand out; where none of them was run, the first lines do."""

LEFT, TOP, BOTTOM = 48, 28, 200


def figures(groups: Iterable[Group]) -> Iterator[Figure]:
    """A figure for each data set, model and settings.

    Args:
        groups: from `logs.read`.
    """
    for group in groups:
        styles = _styles([cell.name for cell in group.cells])
        panels = [
            drawn
            for tag, (name, factor) in TAGS.items()
            if (drawn := _panel(name, {cell.name: factor * mean_curve(cell, tag) for cell in group.cells}, styles))
        ]
        if not panels:
            continue
        notes = ["Means over fits; a line ends where fewer than half of its fits were still trained."]
        notes += [group.note] if group.note else []
        title = f"Learning curves: {group.data}, {with_recipe(group.model, group.recipe)}"
        yield Figure(title, panels, _legend(group.cells, styles), notes)


def _styles(names: list[str]) -> dict[str, tuple[str, str, str]]:
    """The STYLES of the lines that stand out, by the name of the cell."""
    return dict(zip([name for name in OUTSTANDING if name in names] or names, STYLES, strict=False))


def _panel(name: str, curves: dict[str, NDArray[np.float64]], styles: dict[str, tuple[str, str, str]]) -> Markup:
    curves = {cell: curve for cell, curve in curves.items() if len(curve)}
    if max(map(len, curves.values()), default=0) < 2:  # fitted in one step: no curve
        return Markup("")
    x = Axis.over([1, *(len(curve) for curve in curves.values())], LEFT, WIDTH - 12)
    y = Axis.over(np.concatenate(list(curves.values())), BOTTOM, TOP)
    parts = [horizontal_axis(x, TOP, BOTTOM, "epoch"), vertical_axis(y, LEFT, WIDTH - 12)]
    behind = [cell for cell in curves if cell not in styles]
    for cell in [*behind, *(cell for cell in reversed(styles) if cell in curves)]:
        parts += _curve(x, y, cell, curves[cell], styles.get(cell, (GREY, "none", "")))
    described = "; ".join(f"{cell} {curve[-1]:.4g} after {len(curve)} epochs" for cell, curve in curves.items())
    return panel(name, f"{name}: {described}.", BOTTOM + 36, *parts)


def _curve(x: Axis, y: Axis, cell: str, values: NDArray[np.float64], style: tuple[str, str, str]) -> Iterator[Markup]:
    places = [(x.at(epoch), y.at(value)) for epoch, value in enumerate(values, start=1)]
    colour, dashes, shape = style
    points = " ".join(f"{right:.1f},{below:.1f}" for right, below in places)
    yield tag(
        "polyline", tag("title", cell), points=points, fill="none", stroke=colour, stroke_dasharray=dashes,
        stroke_width="2.2" if shape else "0.7", stroke_opacity="1" if shape else "0.6",
    )  # fmt: skip
    if shape:
        yield mark(shape, *places[-1], colour, True, cell)


def _legend(cells: Iterable[CellLogs], styles: dict[str, tuple[str, str, str]]) -> Markup:
    entries = [
        (line(0, 7, 24, 7, colour, stroke_dasharray=dashes, stroke_width="2.2") + mark(shape, 12, 7, colour), name)
        for name, (colour, dashes, shape) in styles.items()
    ]
    if {cell.name for cell in cells} - set(styles):
        entries.append((line(0, 7, 24, 7, GREY, stroke_width="0.7"), "the others"))
    return legend(entries)
