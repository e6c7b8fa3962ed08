"""A figure of the report as one SVG file, which shows the same wherever it is opened."""

import re
from collections.abc import Iterator
from xml.etree import ElementTree

from markupsafe import Markup

from analysis.report.svg import Figure, tag, text

STYLE = (
    "text { font: 12px Helvetica, Arial, sans-serif; fill: #111; } .title { font-weight: 600; font-size: 14px; } "
    ".heading { font-weight: 600; font-size: 16px; }"
)
MARGIN, GAP, LINE, TOP = 14, 24, 20, 34
LETTER = 6.6
"""The mean width of a letter of 12 pixels, in pixels."""

SIZE = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')


def svg_file(figure: Figure, columns: int = 2) -> str:
    """The title, the panels in rows of `columns`, and the legend of a figure. Notes stay with the text around it."""
    sizes = [tuple(map(float, _size(panel))) for panel in figure.panels]
    parts: list[Markup] = []
    y, width = float(TOP), MARGIN + LETTER * 1.4 * len(figure.title)
    for start in range(0, len(sizes), columns):
        x = float(MARGIN)
        for panel, (wide, _) in zip(
            figure.panels[start : start + columns], sizes[start : start + columns], strict=True
        ):
            parts.append(tag("g", panel, transform=f"translate({x:.1f},{y:.1f})"))
            x += wide + GAP
        width = max(width, x)
        y += max(high for _, high in sizes[start : start + columns]) + GAP
    for drawn, words in _entries(figure.legend):
        parts.append(tag("g", drawn, transform=f"translate({MARGIN:.1f},{y - 14:.1f})"))
        parts.append(text(MARGIN + 30, y - 3, words))
        width = max(width, MARGIN + 44 + LETTER * len(words))
        y += LINE
    outer = tag(
        "svg",
        tag("style", STYLE),
        tag("rect", width="100%", height="100%", fill="#ffffff"),
        text(MARGIN, 20, figure.title, class_="heading"),
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:.0f} {y:.0f}",
        width=f"{width:.0f}",
        height=f"{y:.0f}",
    )
    return f"{outer}\n"


def _size(panel: Markup) -> tuple[str, str]:
    found = SIZE.search(panel)
    assert found is not None, "a panel is an <svg> with a viewBox from 0 0"
    return found[1], found[2]


def _entries(legend: Markup) -> Iterator[tuple[Markup, str]]:
    """The marks of a legend, each with its meaning."""
    if not legend:
        return
    for item in ElementTree.fromstring(legend):
        (drawn,) = item
        words, drawn.tail = (drawn.tail or "").strip(), None
        yield Markup(ElementTree.tostring(drawn, encoding="unicode")), words
