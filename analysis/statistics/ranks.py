"""Cells ranked over data sets: the Friedman test and Nemenyi's critical difference (Demsar 2006)."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from analysis.statistics.significance import ALPHA
from conf.compose import PLACEBO


@dataclass(frozen=True)
class Ranks:
    """The contents of a critical-difference diagram of one model, recipe and metric.

    Attributes:
        average: each cell's mean rank over the data sets, the best (1 = highest score) first.
        data: the data sets.
        left_out: the cells that were not run on all of them.
        sets_left_out: the data sets on which few cells were run.
        statistic, p: chi2 and p of the Friedman test, corrected for ties; H0: all cells rank alike.
        critical_difference: cells whose average ranks differ by less are not told apart at 5%.
        alike: the diagram's bars: maximal groups of two or more neighbours in the order of ranks, each best first, no
            two of which Nemenyi's test tells apart.
    """

    average: pd.Series
    data: list[str]
    statistic: float
    p: float
    critical_difference: float
    alike: list[list[str]]
    left_out: list[str] = field(default_factory=list)
    sets_left_out: list[str] = field(default_factory=list)

    @property
    def notes(self) -> list[str]:
        """A sentence about the cells that have no rank, and one about the data sets without ranks, if any."""
        cells = f"Not ranked, since not run on all of these data sets: {', '.join(self.left_out)}."
        sets = f"Left out, since few of the cells were run there: {', '.join(self.sets_left_out)}."
        return [sentence for sentence, names in ((cells, self.left_out), (sets, self.sets_left_out)) if names]


def ranks(results: pd.DataFrame, metric: str = "macro_f1") -> dict[tuple[str, str], Ranks]:
    """Ranks of the cells of each model and recipe, by (model, recipe).

    A cell's score on a data set is its mean over seeds and folds. The placebo has no rank. A data set with
    fewer than half as many cells as the median one is left out, then each cell that was not run on one of the others; a
    model and recipe with fewer than two data sets, or with fewer than three cells left, has no ranks.

    Args:
        results: from `text_results.read`.
        metric: a score that is better when it is higher.
    """
    found = {}
    for (model, recipe), runs in results[results["cell"] != PLACEBO].groupby(["model", "recipe"], sort=False):
        every = runs.pivot_table(metric, "data", "cell", sort=False)
        cells = every.notna().sum(axis="columns")
        few = cells < cells.median() / 2
        scores = every[~few].dropna(axis="columns")
        if len(scores) >= 2 and scores.shape[1] >= 3:
            left_out = [str(cell) for cell in every if cell not in scores]
            sets = [str(name) for name in every.index[few]]
            found[str(model), str(recipe)] = replace(friedman(scores), left_out=left_out, sets_left_out=sets)
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
    apart = pairwise.set_axis(list(scores), axis=0).set_axis(list(scores), axis=1) < ALPHA
    names = [str(name) for name in scores.index]
    return Ranks(
        average, names, float(statistic), float(p), difference, _alike(apart.loc[average.index, average.index])
    )


def critical_difference(treatments: int, data_sets: int) -> float:
    """Nemenyi's critical difference between average ranks of k treatments over N data sets, at 5%:

    q sqrt(k (k + 1) / (6 N)),  q the 95% quantile of the studentized range over sqrt(2)
    """
    from scipy.stats import studentized_range

    q = studentized_range.ppf(1 - ALPHA, treatments, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(treatments * (treatments + 1) / (6 * data_sets)))


def _alike(apart: pd.DataFrame) -> list[list[str]]:
    """Maximal groups of neighbours that are not told apart from the first of them, the best.

    Args:
        apart: whether each two cells are told apart; rows and columns in the order of ranks.
    """
    groups: list[list[str]] = []
    for place in range(len(apart)):
        behind = apart.iloc[place, place:]
        group = [str(name) for name in behind.index[~behind]]
        if len(group) > 1 and not (groups and set(group) <= set(groups[-1])):
            groups.append(group)
    return groups
