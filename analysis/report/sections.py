"""The sections of the page about a folder of runs."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from analysis.report import cost, critical_difference, importance, improvement, logs, overview, persistence
from analysis.report.figure7 import MEDIAN_RUN, pictures
from analysis.report.section import Section, logged
from analysis.report.series_sections import series_sections
from analysis.statistics.improvements import improvements
from analysis.statistics.ranks import ranks
from analysis.study import market_results, text_results
from analysis.study.results import kinds
from analysis.tables import effect_table, market_verdicts_table, series_effect_table
from analysis.tables.all_tables import NO_MARKET, all_tables
from training.run.folder.faults import OWN_SOURCES

FIRST = (effect_table.NAME, series_effect_table.NAME, "missing", "verdicts", "design", NO_MARKET)
"""The names of the tables at the top."""


def sections(runs: Path) -> list[Section]:
    """All sections that the runs give.

    Raises:
        UserError: there are no finished runs below `runs`, or some that would be mixed.
    """
    found = kinds(runs)
    tables = {table.name: table for table in all_tables(runs)}
    judged = [name for name in tables if name.startswith(market_verdicts_table.NAME)]
    first = {name: tables.pop(name) for name in (*FIRST, *judged) if name in tables}
    sentences: list[str] = []
    rest: list[Section] = []
    if "data" in found:
        results = text_results.read(runs)
        sentences.append(overview.about_texts(results, first["design"].numbers))
        without_result = text_results.without_result(runs, results)
        rest += _text_sections(text_results.comparable(results, without_result), without_result)
    if "features" in found and NO_MARKET not in first:
        forecasters = market_results.scored(runs)
        own = forecasters["source"].isin(OWN_SOURCES)
        if own.any():
            sentences += overview.about_series(forecasters[own])
            rest += series_sections(runs, forecasters[own])
        if not own.all():
            sentences.append(overview.about_the_market(forecasters[~own]))
            rest += _market_sections(runs, forecasters[~own])
    sentences.append(overview.completeness(first["missing"]))
    if "verdicts" in first:
        sentences += overview.claims(first["verdicts"].numbers)
    sentences += [overview.market_claims(first[name]) for name in judged]
    top = Section("study", "The study", sentences, tables=[table for table in first.values() if len(table.shown)])
    return [top, *rest, Section("tables", "All tables", tables=list(tables.values()))]


def _text_sections(results: pd.DataFrame, without_result: pd.DataFrame) -> Iterator[Section]:
    improved = improvements(results)
    if len(improved):
        yield Section(
            "improvement", "Improvement over the baseline", figures=list(improvement.figures(improved, without_result))
        )
        yield _ranked(results)
    yield Section("cost", "Score against training time", figures=[cost.figure(results)])
    yield from logged(list(logs.read(results)), "", "")


def _ranked(results: pd.DataFrame) -> Section:
    found = {score: ranks(results, score) for score in improvement.DRAWN_SCORES}
    figures = [figure for score in found for figure in critical_difference.figures(found[score], score)]
    why_none = [] if figures else [critical_difference.why_none(results)]
    return Section("ranks", "Ranks over data sets", why_none, figures)


def _market_sections(runs: Path, results: pd.DataFrame) -> Iterator[Section]:
    relative = persistence.figure(results, market_results.read_table(runs, "baselines"))
    yield Section("persistence", "Bitcoin: beside persistence", figures=[relative])
    means = importance.mean_importance(market_results.read_table(runs, "importance"), results)
    yield Section(
        "weights",
        "Bitcoin: weights of the features",
        figures=[importance.figure(means)],
        tables=[importance.table(means)],
    )
    yield Section("figure7", "Bitcoin: forecasts", [MEDIAN_RUN], pictures=list(pictures(results)))
    yield from logged(list(logs.read_market(results)), "market-", "Bitcoin: ")
