"""How an alteration changes states and gates: the states' size, and the share of saturated gates."""

from collections.abc import Iterator

import pandas as pd
from markupsafe import Markup

from analysis.report.logs import CellLogs, Group
from analysis.report.palette import BLUE, GREEN, ORANGE, VERMILLION
from analysis.report.svg import WIDTH, Axis, Figure, horizontal_axis, label, legend, mark, panel
from analysis.study.text_results import in_cell_order
from analysis.tables.formatting import file_name, number, with_recipe
from analysis.tables.table import Table

SHOWN = {
    "c": ("cell state c", "root mean square", 1, 3),
    "h": ("hidden state h", "root mean square", 1, 3),
    "saturated i": ("input gate i", "saturated, % of values", 100, 1),
    "saturated f": ("forget gate f", "saturated, % of values", 100, 1),
    "saturated g": ("candidate g", "saturated, % of values", 100, 1),
    "saturated o": ("output gate o", "saturated, % of values", 100, 1),
}
"""How each quantity that a run logs is shown: name, measure with its unit, factor, digits."""

NOTE = (
    "At the tested epoch, over the first few documents or windows of the validation part, without padding; means over "
    "fits and both directions. c and h as they are handed to the next step, altered. Saturated: within 0.05 of the "
    "gate's limits, which are 0 and 1, for g -1 and 1."
)
STYLES = [("circle", BLUE), ("square", ORANGE), ("triangle", GREEN), ("diamond", VERMILLION)]
LEFT, TOP, ROW = 100, 26, 15


def statistics(group: Group) -> pd.DataFrame:
    """A row for each cell and layer, a column for each of SHOWN (in its unit).

    Args:
        group: from `logs.read`.
    """
    rows = [row for cell in group.cells for row in _rows(cell)]
    if not rows:
        return pd.DataFrame(columns=["cell", "layer", *SHOWN])
    long = pd.DataFrame(rows, columns=["cell", "layer", "quantity", "value"])
    wide = long.pivot_table("value", ["cell", "layer"], "quantity", "mean", sort=False).reset_index()
    wide = wide.reindex(columns=["cell", "layer", *SHOWN])
    return in_cell_order(wide.assign(**{key: wide[key] * factor for key, (_, _, factor, _) in SHOWN.items()}))


def _rows(cell: CellLogs) -> Iterator[tuple[str, str, str, float]]:
    """Cell, layer, quantity and value at the tested epoch, for each fit and direction."""
    for fit in cell.fits:
        for tag, values in fit.values.items():
            quantity, *layer = tag.split("/")
            if quantity in SHOWN and layer[-1:] in (["forward"], ["reverse"]):
                yield cell.name, "/".join(layer[:-1]), quantity, values[min(fit.tested, len(values) - 1)]


def figure(group: Group, values: pd.DataFrame) -> Figure:
    """A panel for each of SHOWN: a row for each cell, a mark for each layer.

    Args:
        group: from `logs.read`.
        values: `statistics` of it.
    """
    layers = list(dict.fromkeys(values["layer"]))
    styles = {layer: STYLES[place % len(STYLES)] for place, layer in enumerate(layers)}
    panels = [_panel(key, values.dropna(subset=key), styles) for key in SHOWN]
    key = legend((mark(shape, 12, 7, colour), layer) for layer, (shape, colour) in styles.items())
    return Figure(_title(group), panels, key, _notes(group))


def table(group: Group, values: pd.DataFrame) -> Table:
    """The numbers of the `figure` as a table.

    Args:
        group: from `logs.read`.
        values: `statistics` of it.
    """
    shown = values[["cell", "layer"]].assign(
        **{
            f"{name}, {measure}": [number(value, digits) for value in values[key]]
            for key, (name, measure, _, digits) in SHOWN.items()
        }
    )
    name = file_name("gates", group.data, group.model, group.recipe)
    return Table(name, _title(group), values, shown, _notes(group))


def _title(group: Group) -> str:
    return f"States and gates: {group.data}, {with_recipe(group.model, group.recipe)}"


def _notes(group: Group) -> list[str]:
    return [NOTE, group.note] if group.note else [NOTE]


def _panel(key: str, values: pd.DataFrame, styles: dict[str, tuple[str, str]]) -> Markup:
    name, measure, _, digits = SHOWN[key]
    cells = list(dict.fromkeys(values["cell"]))
    bottom = TOP + ROW * len(cells)
    axis = Axis.over([0.0, *values[key]], LEFT, WIDTH - 12)
    parts = [horizontal_axis(axis, TOP, bottom, measure)]
    parts += [label(LEFT - 8, TOP + ROW * (place + 0.7), cell, text_anchor="end") for place, cell in enumerate(cells)]
    for cell, layer, value in zip(values["cell"], values["layer"], values[key], strict=True):
        shape, colour = styles[layer]
        words = f"{cell}, {layer}: {number(value, digits)}"
        parts.append(mark(shape, axis.at(value), TOP + ROW * (cells.index(cell) + 0.5), colour, True, words))
    return panel(name, "The table beneath has the same numbers.", bottom + 36, *parts)
