"""Cells ranked over data sets: the Friedman test and Nemenyi's critical difference (Demsar 2006)."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

ALPHA = 0.05


@dataclass(frozen=True)
class Ranks:
    """What a critical-difference diagram shows of one model, recipe and metric.

    Attributes:
        average: each cell's mean rank over the data sets, the best (1 = highest score) first.
        data: the data sets, those on which every cell was run.
        statistic, p: of the Friedman test, corrected for ties; H0: all cells rank alike.
        critical_difference: cells whose average ranks differ by less are not told apart at 5 %.
        alike: maximal groups of two or more cells that are not told apart, each best first: the diagram's bars.
        pairwise: p of Nemenyi's test for each two cells.
    """

    average: pd.Series
    data: list[str]
    statistic: float
    p: float
    critical_difference: float
    alike: list[list[str]]
    pairwise: pd.DataFrame


def ranks(results: pd.DataFrame, metric: str = "macro_f1") -> dict[tuple[str, str], Ranks]:
    """Ranks of the cells of each model and recipe, by (model, recipe).

    A cell's score on a data set is its mean over seeds and folds. A data set on which a cell was not run is left out;
    models with fewer than two data sets or three cells have no ranks and are not in the answer.

    Args:
        results: of `design.study`.
        metric: a score that is better when it is higher.
    """
    found = {}
    for (model, recipe), runs in results.groupby(["model", "recipe"], sort=False):
        scores = runs.pivot_table(metric, "data", "cell", sort=False).dropna()
        if len(scores) >= 2 and scores.shape[1] >= 3:
            found[str(model), str(recipe)] = friedman(scores)
    return found


def friedman(scores: pd.DataFrame) -> Ranks:
    """Rank the columns of `scores` over its rows; higher is better, equal scores share their ranks.

    Args:
        scores: a row for each data set, two or more, and a column for each treatment, three or more.
    """
    from scikit_posthocs import posthoc_nemenyi_friedman
    from scipy.stats import friedmanchisquare

    average = scores.rank(axis=1, ascending=False).mean().sort_values(kind="stable")
    if (scores.nunique(axis=1) == 1).all():  # every data set is one tie: nothing to test
        statistic, p = 0.0, 1.0
    else:
        statistic, p = friedmanchisquare(*(scores[name] for name in scores))
    difference = critical_difference(scores.shape[1], len(scores))
    pairwise = posthoc_nemenyi_friedman(scores.to_numpy())
    pairwise = pairwise.set_axis(list(scores), axis=0).set_axis(list(scores), axis=1)
    names = [str(name) for name in scores.index]
    return Ranks(average, names, float(statistic), float(p), difference, _alike(average, difference), pairwise)


def critical_difference(treatments: int, data_sets: int) -> float:
    """Nemenyi's: q sqrt(k (k + 1) / (6 N)), with q the 95 % quantile of the studentized range over sqrt(2)."""
    from scipy.stats import studentized_range

    q = studentized_range.ppf(1 - ALPHA, treatments, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(treatments * (treatments + 1) / (6 * data_sets)))


def _alike(average: pd.Series, difference: float) -> list[list[str]]:
    """Runs of neighbours in the order of ranks that span less than the difference and lie in no longer run."""
    groups: list[list[str]] = []
    for rank in average:
        group = [str(name) for name in average[(average >= rank) & (average < rank + difference)].index]
        if len(group) > 1 and not (groups and set(group) <= set(groups[-1])):
            groups.append(group)
    return groups
