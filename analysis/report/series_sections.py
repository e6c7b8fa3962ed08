"""The sections of the page about runs on a user's own series."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from analysis.report import importance, logs, persistence
from analysis.report.figure7 import MOST_PICTURES, pictures
from analysis.report.section import Section, logged
from analysis.study import market_results
from analysis.tables.formatting import file_name
from analysis.tables.series_table import series_name

SERIES = ["features", "target"]
"""The columns that the runs on one series share."""

MEDIAN_RUN = (
    "Truth and forecasts for each protocol, window, model and cell: of its runs the median one by RMSE on the part "
    f"that is scored, not the best. At most {MOST_PICTURES} are shown; every run's folder has its own."
)


def series_sections(runs: Path, results: pd.DataFrame) -> Iterator[Section]:
    """Each series beside the forecasts without a net, what its nets rest on, their forecasts, curves and gates.

    Args:
        runs: a folder, or an archive of runs.
        results: from `market_results.scored`, of runs on own series alone.
    """
    baselines, weights = (market_results.read_table(runs, table) for table in ("baselines", "importance"))
    for (features, target), own in results.groupby(SERIES, sort=False):
        title = f"Series: {series_name(str(features), str(target))}: "
        name = f"{file_name('series', features, target)}-"
        relative = persistence.figure(own, baselines, "the last value")
        yield Section(f"{name}persistence", f"{title}beside persistence", figures=[relative])
        means = importance.mean_importance(weights, own)
        yield Section(
            f"{name}weights",
            f"{title}weights of the inputs",
            figures=[importance.figure(means)],
            tables=[importance.table(means)],
        )
        drawn = list(pictures(own, ("cell",), f"Two charts over time of {target}, its forecast and persistence."))
        if drawn:
            yield Section(f"{name}forecasts", f"{title}forecasts", [MEDIAN_RUN], pictures=drawn)
        yield from logged(list(logs.read_series(own)), name, title)
