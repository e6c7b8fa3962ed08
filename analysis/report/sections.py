"""What the page says of a folder of runs, section by section."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from analysis.compare import improvements
from analysis.design import stopped, study
from analysis.ranks import ranks
from analysis.report import bitcoin, cost, gates, improvement, learning, logs, overview, persistence, ranking
from analysis.report.drawing import Figure
from analysis.results import kinds, read_table
from analysis.table import Table
from analysis.tables import NO_MARKET, every

FIRST = ("missing", "verdicts", "design", NO_MARKET)
"""Tables that stand at the top."""


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it; `name` is its address in the page."""

    name: str
    title: str
    text: Sequence[str] = ()
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()
    pictures: Sequence[bitcoin.Picture] = ()


def sections(runs: Path) -> list[Section]:
    """All there is to say of the runs.

    Raises:
        ResultsError: there are no finished runs below `runs`, or some that would be mixed.
    """
    found = kinds(runs)
    tables = {table.name: table for table in every(runs)}
    first = {name: tables.pop(name) for name in FIRST if name in tables}
    said: list[str] = []
    rest: list[Section] = []
    if "data" in found:
        results = study(runs)
        said.append(overview.of_texts(results, first["design"].numbers))
        rest += _of_texts(results, stopped(runs, results))
    if "features" in found and NO_MARKET not in first:
        market = bitcoin.scored(runs)
        said.append(overview.of_the_market(market))
        rest += _of_the_market(runs, market)
    said.append(overview.completeness(first["missing"]))
    if "verdicts" in first:
        said += overview.claims(first["verdicts"].numbers)
    top = Section("study", "The study", said, tables=[table for table in first.values() if len(table.shown)])
    return [top, *rest, Section("tables", "All tables", tables=list(tables.values()))]


def _of_texts(results: pd.DataFrame, without: pd.DataFrame) -> Iterator[Section]:
    improved = improvements(results)
    if len(improved):
        yield Section(
            "improvement", "Improvement over the baseline", figures=list(improvement.figures(improved, without))
        )
        yield _ranked(results)
    yield Section("cost", "Score against training time", figures=[cost.figure(results)])
    yield from _logged(list(logs.read(results)), "", "")


def _logged(groups: list[logs.Group], name: str, title: str) -> Iterator[Section]:
    """Learning curves, states and gates, as far as there are any.

    Args:
        groups: of `logs`.
        name, title: what the sections' begin with.
    """
    if curves := list(learning.figures(groups)):
        yield Section(f"{name}learning", f"{title}Learning curves", figures=curves)
    if observed := [(group, values) for group in groups if len(values := gates.statistics(group))]:
        yield Section(
            f"{name}gates",
            f"{title}States and gates",
            figures=[gates.figure(group, values) for group, values in observed],
            tables=[gates.table(group, values) for group, values in observed],
        )


def _ranked(results: pd.DataFrame) -> Section:
    figures = [figure for metric in improvement.METRICS for figure in ranking.figures(ranks(results, metric), metric)]
    return Section("ranks", "Ranks over data sets", [] if figures else [ranking.why_none(results)], figures)


def _of_the_market(runs: Path, results: pd.DataFrame) -> Iterator[Section]:
    relative = persistence.figure(results, read_table(runs, "features", "baselines"))
    yield Section("persistence", "Bitcoin: beside persistence", figures=[relative])
    importance = bitcoin.importance(runs)
    yield Section(
        "weights",
        "Bitcoin: weights of the features",
        figures=[bitcoin.weights(importance)],
        tables=[bitcoin.weights_table(importance)],
    )
    yield Section("figure7", "Bitcoin: forecasts", [bitcoin.MEDIAN], pictures=list(bitcoin.pictures(results)))
    yield from _logged(list(logs.read_market(results)), "market-", "Bitcoin: ")
