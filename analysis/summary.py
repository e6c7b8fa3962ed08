"""A small table of mean scores for the terminal: `python -m analysis summary RUNS`."""

from pathlib import Path

from analysis.study.results import kinds
from analysis.study.text_results import GROUP, read, refuse_duplicates, without_result

CELL = [*GROUP, "cell"]
"""The columns that the fits of one row share: they differ in seed and fold only."""

SUMMARISED_SCORES = ["accuracy", "top1", "macro_f1", "micro_f1", "weighted_f1"]


def summary(runs: Path) -> str:
    """Mean test scores in percent over the fits of each data set, model, settings and cell, with seconds per fit and
    parameters, and with the recipe where there are several; below them the fits without a result.

    Raises:
        UserError: there are no runs on texts, or one is there twice.
    """
    without = without_result(runs)
    lines = [] if len(without) and "data" not in kinds(runs) else [_scores(runs)]
    for cell, rows in without.groupby("cell", sort=False):
        for (data, model, settings, error), fits in rows.groupby([*GROUP, "error"], sort=False):
            lines.append(f"No result of {len(fits)} fits of {data} {model} {settings} {cell}: {error}")
    return "\n".join(lines)


def _scores(runs: Path) -> str:
    test = read(runs)
    refuse_duplicates(test)
    groups = test.groupby(CELL, sort=False)
    table = groups[SUMMARISED_SCORES].mean() * 100
    table.insert(0, "fits", groups.size())
    table["seconds"] = groups["seconds"].mean()
    table["parameters"] = groups["parameters"].mean()
    if (test["recipe"] != "").any():
        table["recipe"] = groups["recipe"].first()
    formats = {score: "{:.1f}".format for score in [*SUMMARISED_SCORES, "seconds"]} | {"parameters": "{:,.0f}".format}
    return table.reset_index().to_string(index=False, formatters=formats)
