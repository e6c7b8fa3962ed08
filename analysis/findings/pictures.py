"""The pictures of findings that the report has not: rows with marks and intervals."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from analysis.published import cell_paper
from analysis.report.palette import BLACK, BLUE, GREY, ORANGE, VERMILLION
from analysis.report.svg import Axis, Figure, horizontal_axis, label, legend, line, mark, panel

WIDTH, TOP, ROW, APART = 620, 26, 26, 5
LETTER = 6.4
"""The width that a letter of a row's name is given, in pixels."""

Entry = tuple[str, str, bool, str]
"""Shape, colour, whether it is filled, and its meaning."""

OURS: Entry = ("circle", BLUE, True, "the best alteration here, with these runs")
PAPER: Entry = ("diamond", GREY, False, "the best alteration that the paper prints")
CHANCE: Entry = ("square", ORANGE, True, "the best of 17 placebos with 10 x 10 runs: mean, and up to its 95 % quantile")
ALONE: Entry = ("circle", BLUE, True, "seen with 80 % power by one test")
CORRECTED: Entry = ("circle", BLUE, False, "seen as the best of all alterations, after Holm's correction")
CLAIMED: Entry = ("diamond", GREY, False, "the largest improvement that the paper prints for the set")
SEEDS: Entry = ("circle", BLUE, True, "mean with its 95 % interval over seeds")
DAYS: Entry = ("square", VERMILLION, True, "the same with its 95 % interval over days")


@dataclass(frozen=True)
class Point:
    """A value in a row, perhaps with an interval."""

    entry: Entry
    value: float
    low: float = float("nan")
    high: float = float("nan")

    @property
    def drawn(self) -> list[float]:
        """The values that the axis has to hold."""
        return [value for value in (self.value, self.low, self.high) if pd.notna(value)]


def of_chance(rows: pd.DataFrame) -> Figure:
    """The best improvements beside the best of placebos.

    Args:
        rows: from `best_of_many.best_of_many`, of one model, recipe and score.
    """
    points = {
        row["data"]: [
            Point(CHANCE, row["paper_mean"], 0.0, row["paper_high"]),
            Point(PAPER, row["paper"]),
            Point(OURS, row["ours"]),
        ]
        for row in rows.to_dict("records")
    }
    return _figure("The best of 17 alterations beside the best of 17 placebos", points, "improvement of macro-F1, %")


def of_power(rows: pd.DataFrame) -> Figure:
    """The least improvement that could have been told, beside the largest of the paper.

    Args:
        rows: from `detectable.detectable`, of one model, recipe and score.
    """
    paper = cell_paper.improvements().query("cell != 'baseline' and data != 'robo'")
    largest = paper.groupby("data")[str(rows["metric"].iloc[0])].max()
    points = {
        row["data"]: [
            Point(ALONE, row["alone"]),
            Point(CORRECTED, row["corrected"]),
            Point(CLAIMED, float(largest.get(row["data"], float("nan")))),
        ]
        for row in rows.to_dict("records")
    }
    return _figure("The least improvement that these runs could have told", points, "improvement of macro-F1, %")


def of_contrasts(rows: pd.DataFrame) -> Figure:
    """Differences of errors with both of their intervals.

    Args:
        rows: from `market_verdicts.market_verdicts`, of one error.
    """
    points = {
        row["claim"]: [
            Point(SEEDS, row["mean"], row["low"], row["high"]),
            Point(DAYS, row["mean"], row["days_low"], row["days_high"]),
        ]
        for row in rows.to_dict("records")
    }
    return _figure(
        "Errors with sentiment less errors without",
        points,
        "difference of RMSE, in units of 0 to 1; left of 0 sentiment helps",
    )


def _figure(title: str, rows: dict[str, list[Point]], unit: str) -> Figure:
    points = [point for row in rows.values() for point in row if pd.notna(point.value)]
    entries = dict.fromkeys(point.entry for point in points)
    key = legend((mark(shape, 12, 7, colour, filled), words) for shape, colour, filled, words in entries)
    return Figure(title, [_panel(rows, points, unit)], key)


def _panel(rows: dict[str, list[Point]], points: Sequence[Point], unit: str) -> Markup:
    left = 14 + LETTER * max(map(len, rows))
    axis = Axis.over([0.0, *(value for point in points for value in point.drawn)], left, left + WIDTH - 14)
    bottom = TOP + ROW * len(rows)
    parts = [horizontal_axis(axis, TOP, bottom, unit), line(axis.at(0), TOP, axis.at(0), bottom, BLACK)]
    for place, (name, row) in enumerate(rows.items()):
        y = TOP + ROW * (place + 0.5)
        parts.append(label(left - 8, y + 4, name, len(name), text_anchor="end"))
        parts += _marks(axis, y, row)
    words = [f"{name}: {', '.join(f'{point.value:+.4g}' for point in row)}" for name, row in rows.items()]
    return panel("", "; ".join(words), bottom + 36, *parts, width=left + WIDTH)


def _marks(axis: Axis, y: float, row: Sequence[Point]) -> Iterable[Markup]:
    shown = [point for point in row if pd.notna(point.value)]
    for place, point in enumerate(shown):
        shape, colour, filled, words = point.entry
        at = y + APART * (place - (len(shown) - 1) / 2)
        if pd.notna(point.low) and pd.notna(point.high):
            yield line(axis.at(point.low), at, axis.at(point.high), at, colour, stroke_width="2")
        yield mark(shape, axis.at(point.value), at, colour, filled, f"{words}: {point.value:+.4g}")
