"""Learning curves: losses and macro-F1 over the epochs of training."""

from collections.abc import Iterable, Iterator

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from ..table import named
from .drawing import WIDTH, Axis, Figure, legend, line, mark, panel, ruled, ruled_across, tag
from .logs import Cell, Group, mean_curve
from .palette import BLACK, BLUE, GREY, VERMILLION

TAGS = {
    "train/loss": ("training loss", 1),
    "val/loss": ("validation loss", 1),
    "val/macro_f1": ("validation macro-F1, %", 100),
}
"""What each panel shows, and by what it is multiplied."""

STYLES = {"baseline": (BLACK, "none", "circle"), "C1": (BLUE, "7 3", "square"), "H2": (VERMILLION, "2 3", "triangle")}
"""Lines that stand out: colour, dashes and end mark of the baseline and of what the paper finds best of each state."""

LEFT, TOP, BOTTOM = 48, 28, 200


def figures(groups: Iterable[Group]) -> Iterator[Figure]:
    """A figure for each data set, model and settings.

    Args:
        groups: of `logs.read`.
    """
    for group in groups:
        panels = [
            drawn
            for tag, (name, factor) in TAGS.items()
            if (drawn := _panel(name, {cell.name: factor * mean_curve(cell, tag) for cell in group.cells}))
        ]
        if not panels:
            continue
        notes = ["Means over fits; a line ends where fewer than half of the cell's fits were still trained."]
        notes += [group.note] if group.note else []
        title = f"Learning curves: {group.data}, {named(group.model, group.recipe)}"
        yield Figure(title, panels, _legend(group.cells), notes)


def _panel(name: str, curves: dict[str, NDArray[np.float64]]) -> Markup:
    curves = {cell: curve for cell, curve in curves.items() if len(curve)}
    if max(map(len, curves.values()), default=0) < 2:  # fitted in one step: no curve
        return Markup("")
    x = Axis.over([1, *(len(curve) for curve in curves.values())], LEFT, WIDTH - 12)
    y = Axis.over(np.concatenate(list(curves.values())), BOTTOM, TOP)
    parts = [ruled(x, TOP, BOTTOM, "epoch"), ruled_across(y, LEFT, WIDTH - 12)]
    for cell in sorted(curves, key=lambda cell: -list(STYLES).index(cell) if cell in STYLES else -len(curves)):
        parts += _curve(x, y, cell, curves[cell])
    said = "; ".join(f"{cell} {curve[-1]:.4g} after {len(curve)} epochs" for cell, curve in curves.items())
    return panel(name, f"{name}: {said}.", BOTTOM + 36, *parts)


def _curve(x: Axis, y: Axis, cell: str, values: NDArray[np.float64]) -> Iterator[Markup]:
    places = [(x.at(epoch), y.at(value)) for epoch, value in enumerate(values, start=1)]
    colour, dashes, shape = STYLES.get(cell, (GREY, "none", ""))
    points = " ".join(f"{across:.1f},{up:.1f}" for across, up in places)
    yield tag(
        "polyline", tag("title", cell), points=points, fill="none", stroke=colour, stroke_dasharray=dashes,
        stroke_width="2.2" if shape else "0.7", stroke_opacity="1" if shape else "0.6",
    )  # fmt: skip
    if shape:
        yield mark(shape, *places[-1], colour, True, cell)


def _legend(cells: Iterable[Cell]) -> Markup:
    names = [cell.name for cell in cells]
    entries = [
        (line(0, 7, 24, 7, colour, stroke_dasharray=dashes, stroke_width="2.2") + mark(shape, 12, 7, colour), name)
        for name, (colour, dashes, shape) in STYLES.items()
        if name in names
    ]
    if set(names) - set(STYLES):
        entries.append((line(0, 7, 24, 7, GREY, stroke_width="0.7"), "the other alterations"))
    return legend(entries)
