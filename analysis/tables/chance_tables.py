"""The tables of what chance does: the best of many placebos, and the improvement that the runs could have told."""

from collections.abc import Iterator

import pandas as pd

from analysis.statistics.best_of_many import best_of_many
from analysis.statistics.detectable import detectable
from analysis.tables.alteration_tables import TITLES
from analysis.tables.formatting import number, with_recipe
from analysis.tables.table import Table

BEST, POWER = "best_of_many", "power"
"""The names of the tables."""

HOW_CHOSEN = (
    "Chance: the mean (and 95 % quantile) of how much the best of 17 placebos is above the baseline. A placebo is the "
    "baseline with other initial weights, so nothing is gained. Computed from the spread of the placebo's runs: docs/"
    "studies.md, The best of many.",
    "The left half is for the runs at hand, the right one for the paper's 10 seeds x 10 folds, with the spread that "
    "nets have here. In percent.",
)
HOW_SURE = (
    "The least improvement over the baseline, in percent, that the corrected t-test finds with 80 % power, for the "
    "median alteration: one test at 5 %, and the strictest step of Holm's correction over all of them. A smaller one "
    "is missed more often.",
    "More runs on the same documents lower it to a floor only.",
)


def chance_tables(results: pd.DataFrame, improved: pd.DataFrame) -> Iterator[Table]:
    """Both tables, as far as there are runs for them.

    Args:
        results: from `text_results.read`.
        improved: from `improvements.improvements`.
    """
    best = best_of_many(results)
    if len(best):
        title = "Not in the paper: the best of its alterations beside the best of 17 placebos"
        yield Table(BEST, title, best, _best(best), HOW_CHOSEN)
    power = detectable(improved)
    if len(power):
        yield Table(
            POWER, "Not in the paper: which improvement these runs could have told", power, _power(power), HOW_SURE
        )


def _best(numbers: pd.DataFrame) -> pd.DataFrame:
    def chance(mean: str, high: str) -> list[str]:
        return [
            f"{number(a, 2, True)} ({number(b, 2, True)})" for a, b in zip(numbers[mean], numbers[high], strict=True)
        ]

    def best(value: str, cell: str) -> list[str]:
        return [f"{number(a, 2, True)} {b}".strip() for a, b in zip(numbers[value], numbers[cell], strict=True)]

    runs = zip(numbers["seeds"], numbers["folds"], strict=True)
    return pd.DataFrame(
        {
            "data": numbers["data"],
            "model": _models(numbers),
            "score": numbers["metric"].map(TITLES),
            "seeds x folds": [f"{seeds} x {folds}" for seeds, folds in runs],
            "best of 17 placebos": chance("mean", "high"),
            "best alteration here": best("ours", "our_cell"),
            "best of 17 placebos, 10 x 10": chance("paper_mean", "paper_high"),
            "best alteration in the paper": best("paper", "paper_cell"),
        }
    )


def _power(numbers: pd.DataFrame) -> pd.DataFrame:
    wide = numbers.assign(
        model=_models(numbers),
        text=[f"{number(a, 1)} / {number(b, 1)}" for a, b in zip(numbers["alone"], numbers["corrected"], strict=True)],
        score=numbers["metric"].map(TITLES),
    )
    order = list(dict.fromkeys(wide["score"]))
    shown = wide.pivot_table("text", ["data", "model", "splits", "cells"], "score", "first", sort=False)[order]
    return shown.fillna("-").rename_axis(columns=None).reset_index().rename(columns={"cells": "alterations"})


def _models(numbers: pd.DataFrame) -> list[str]:
    return [with_recipe(str(a), str(b)) for a, b in zip(numbers["model"], numbers["recipe"], strict=True)]
