"""A small table of mean scores for the terminal: `python -m analysis summary RUNS`."""

from pathlib import Path

import pandas as pd

from analysis.study import market_results, results, text_results
from analysis.study.reasons import reasons
from analysis.study.results import kinds
from analysis.study.text_results import GROUP, read, refuse_duplicates
from conf.kinds import MARKET, TEXTS
from datamodules.counts import count

CELL = [*GROUP, "cell"]
"""The columns that the fits of one row share: they differ in seed and fold only."""

FORECASTER = ["features", "target", "source", "protocol", "window", "horizon", "model", "settings", "cell"]
"""The columns that the forecasters of one row share: as those of text runs, they differ in seed and fold only."""

FORECAST_ERRORS = ["rmse", "mae", "relative_rmse"]
"""In scaled units; the last one is relative to persistence."""

SUMMARISED_SCORES = ["accuracy", "top1", "macro_f1", "micro_f1", "weighted_f1"]


def summary(runs: Path) -> str:
    """Mean test scores in percent over the fits of each data set, model, settings and cell, with seconds per fit and
    parameters, and with the recipe where there are several; mean errors of forecasters; below them the fits without a
    result, of each cell one line for each reason.

    Raises:
        UserError: there are no runs, or one is there twice.
    """
    found = kinds(runs)
    lines = [_scores(runs)] if TEXTS.group in found else []
    lines += [_errors(runs)] if MARKET.group in found else []
    forecasters = results.without_result(runs).query(f"kind == '{MARKET.group}'")
    without = pd.concat([text_results.without_result(runs), forecasters], ignore_index=True)
    for (data, model, settings, cell), fits in without.groupby(CELL, sort=False):
        for reason, alike in fits.groupby(reasons(fits["error"]), sort=False):
            lines.append(f"No result of {count(len(alike), 'fit')} of {data} {model} {settings} {cell}: {reason}")
    return "\n".join(lines)


def _errors(runs: Path) -> str:
    scored = market_results.scored(runs)
    refuse_duplicates(scored, [*FORECASTER, "seed", "fold"])
    groups = scored.groupby(FORECASTER, sort=False)
    table = groups[FORECAST_ERRORS].mean()
    table.insert(0, "fits", groups.size())
    table["seconds"] = groups["seconds"].mean()
    formats = dict.fromkeys(FORECAST_ERRORS, "{:.4f}".format) | {"seconds": "{:.1f}".format}
    return table.reset_index().to_string(index=False, formatters=formats)


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
