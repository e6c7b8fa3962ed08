"""One section of the page, and those that any kind of runs may have: learning curves, states and gates."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analysis.report import gates, learning_curves, logs
from analysis.report.figure7 import Picture
from analysis.report.svg import Figure
from analysis.tables.table import Table


@dataclass(frozen=True)
class Section:
    """A heading with its contents; `name` is its address in the page."""

    name: str
    title: str
    text: Sequence[str] = ()
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()
    pictures: Sequence[Picture] = ()


def logged(groups: list[logs.Group], name: str, title: str) -> Iterator[Section]:
    """The sections of learning curves and of states and gates, if anything was logged.

    Args:
        groups: from `logs`.
        name, title: the beginning of the sections' names and titles.
    """
    if curves := list(learning_curves.figures(groups)):
        yield Section(f"{name}learning", f"{title}Learning curves", figures=curves)
    if observed := [(group, values) for group in groups if len(values := gates.statistics(group))]:
        yield Section(
            f"{name}gates",
            f"{title}States and gates",
            figures=[gates.figure(group, values) for group, values in observed],
            tables=[gates.table(group, values) for group, values in observed],
        )
