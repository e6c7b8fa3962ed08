"""Pictures as inline SVG: elements, axes, marks, legends. All text is escaped."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from analysis.report.palette import PALE

SHAPES = {
    "circle": "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0z",
    "square": "M-3.6,-3.6h7.2v7.2h-7.2z",
    "triangle": "M0,-4.6L4.6,3.6H-4.6z",
    "diamond": "M0,-5L5,0L0,5L-5,0z",
    "down": "M0,4.6L4.6,-3.6H-4.6z",
    "cross": "M-4,-4L4,4M-4,4L4,-4",
    "plus": "M-5,0H5M0,-5V5",
}

WIDTH = 360
"""The width of a panel in pixels: it fits on a phone."""


@dataclass(frozen=True)
class Figure:
    """Panels that belong together, with a title, a legend and notes.

    Attributes:
        title: the heading, with units.
        panels: SVG elements; they stand beside each other where there is room.
        legend: from `legend`.
        notes: sentences that a reader of the figure has to know.
    """

    title: str
    panels: Sequence[Markup]
    legend: Markup = field(default_factory=Markup)
    notes: Sequence[str] = ()


def tag(name: str, *inside: str, **attributes: object) -> Markup:
    """An element; `_` in an attribute's name becomes `-`, and a `_` at its end is dropped."""
    given = (
        Markup(' {}="{}"').format(
            key.rstrip("_").replace("_", "-"), f"{value:.1f}" if isinstance(value, float) else value
        )
        for key, value in attributes.items()
    )
    return Markup("<{0}{1}>{2}</{0}>").format(name, Markup("").join(given), Markup("").join(inside))


def panel(title: str, about: str, height: float, *inside: str, width: float = WIDTH) -> Markup:
    """A picture with a visible title, and a description for readers who do not see it."""
    return tag(
        "svg",
        tag("title", title),
        tag("desc", about),
        text(0, 14, title, class_="title"),
        *inside,
        role="img",
        aria_label=f"{title}. {about}",
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
    )


def text(x: float, y: float, words: str, **attributes: object) -> Markup:
    """Words that begin at (x, y), or are aligned there as `text_anchor` says."""
    return tag("text", words, x=float(x), y=float(y), **attributes)


def label(x: float, y: float, name: str, letters: int = 14, **attributes: object) -> Markup:
    """A name, shortened if it is long; the tooltip has all of it."""
    short = name if len(name) <= letters else f"{name[: letters - 1]}…"
    return tag("text", short, tag("title", name), x=float(x), y=float(y), **attributes)


def line(x1: float, y1: float, x2: float, y2: float, colour: str = PALE, **attributes: object) -> Markup:
    """A straight line from (x1, y1) to (x2, y2)."""
    return tag("line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), stroke=colour, **attributes)


def mark(shape: str, x: float, y: float, colour: str, filled: bool = True, about: str = "") -> Markup:
    """One of SHAPES at (x, y); `about` is its tooltip."""
    inside = [tag("title", about)] if about else []
    fill = colour if filled else "#ffffff"
    return tag(
        "path", *inside, d=SHAPES[shape], transform=f"translate({x:.1f},{y:.1f})", fill=fill, stroke=colour,
        stroke_width="1.5",
    )  # fmt: skip


def legend(entries: Iterable[tuple[Markup, str]]) -> Markup:
    """A list of marks or lines, drawn around (12, 7), each beside its meaning."""
    items = (
        tag("li", tag("svg", drawn, viewBox="0 0 24 14", width=24, height=14, aria_hidden="true"), Markup(" "), words)
        for drawn, words in entries
    )
    return tag("ul", *items, class_="legend")


@dataclass(frozen=True)
class Axis:
    """The mapping of values onto pixels.

    Attributes:
        low, high: the values at both ends.
        start, end: their pixels.
        log: whether the scale is logarithmic.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    @classmethod
    def over(cls, values: Iterable[float], start: float, end: float, log: bool = False) -> "Axis":
        """An axis over the values that are finite (and above 0 if `log`), with some room on both sides."""
        finite = [value for value in values if math.isfinite(value) and (value > 0 or not log)] or [1.0]
        low, high = (math.log(bound) if log else float(bound) for bound in (min(finite), max(finite)))
        room = 0.06 * (high - low) or (0.5 if log else 0.05 * abs(high) or 1.0)
        low, high = (math.exp(bound) if log else bound for bound in (low - room, high + room))
        return cls(low, high, start, end, log)

    def at(self, value: float) -> float:
        """The pixel of a value."""
        low, high, here = (math.log(each) if self.log else each for each in (self.low, self.high, value))
        return self.start + (here - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Round values within the axis."""
        from matplotlib.ticker import LogLocator, MaxNLocator

        wide = self.log and self.high / self.low > 20
        locator = LogLocator(subs=(1.0, 3.0)) if wide else MaxNLocator(4, steps=[1, 2, 5, 10])
        return [float(value) for value in locator.tick_values(self.low, self.high) if self.low <= value <= self.high]


def horizontal_axis(axis: Axis, top: float, bottom: float, name: str) -> Markup:
    """A horizontal axis: lines from top to bottom at its ticks, their values, and its name below."""
    parts = []
    for value in axis.ticks():
        x = axis.at(value)
        parts += [line(x, top, x, bottom), text(x, bottom + 14, f"{value:,.6g}", text_anchor="middle")]
    middle = (axis.start + axis.end) / 2
    return Markup("").join([*parts, text(middle, bottom + 30, name, text_anchor="middle")])


def vertical_axis(axis: Axis, left: float, right: float) -> Markup:
    """A vertical axis: lines from left to right at its ticks, and their values."""
    parts = []
    for value in axis.ticks():
        y = axis.at(value)
        parts += [line(left, y, right, y), text(left - 5, y + 4, f"{value:,.6g}", text_anchor="end")]
    return Markup("").join(parts)
