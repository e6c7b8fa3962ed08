"""A small table for the terminal: what was run, and how it scored."""

from pathlib import Path

from analysis.design import GROUP, refuse_twice
from analysis.results import kinds, read, unfinished

CELL = [*GROUP, "cell"]
"""Fits of one group differ in seed and fold only."""

SCORES = ["accuracy", "top1", "macro_f1", "micro_f1", "weighted_f1"]


def summary(runs: Path) -> str:
    """Mean test scores in percent over the fits of each group, with seconds a fit and parameters; and what has none.

    Raises:
        ResultsError: there are no runs on texts, or one is there twice.
    """
    without = unfinished(runs).query("kind == 'data'")
    lines = [] if len(without) and "data" not in kinds(runs) else [_scores(runs)]
    for cell, rows in without.groupby("cell", sort=False):
        for (data, model, settings, error), fits in rows.groupby([*GROUP, "error"], sort=False):
            lines.append(f"No result of {len(fits)} fits of {data} {model} {settings} {cell}: {error}")
    return "\n".join(lines)


def _scores(runs: Path) -> str:
    results = read(runs)
    test = results[results["split"] == "test"]
    refuse_twice(test)
    groups = test.groupby(CELL, sort=False)
    table = groups[SCORES].mean() * 100
    table.insert(0, "fits", groups.size())
    table["seconds"] = groups["seconds"].mean()
    table["parameters"] = groups["parameters"].mean()
    formats = {score: "{:.1f}".format for score in [*SCORES, "seconds"]} | {"parameters": "{:,.0f}".format}
    return table.reset_index().to_string(index=False, formatters=formats)
