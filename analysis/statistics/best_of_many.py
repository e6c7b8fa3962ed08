"""The gain from choosing the best of many alterations if none of them changes anything, from the placebo's runs."""

from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.published import cell_paper
from analysis.published.cell_paper import LSTM_CS, PRINTED_SCORES
from analysis.statistics.false_alarms import SHARED_BY, shared_by_seeds
from analysis.statistics.improvements import improvements, paired_scores
from analysis.statistics.power import FEWEST_SPLITS
from analysis.study.text_results import GROUP
from conf.compose import PLACEBO

CHOICES = 100_000
"""Simulated choices: the mean of the best has a standard error of 0.3% of one placebo's."""

PAPERS_SEEDS, PAPERS_FOLDS = 10, 10

COLUMNS = [
    *("cells", "seeds", "folds", "mean", "high", "ours", "our_cell"),
    *("paper_mean", "paper_high", "paper", "paper_cell"),
]


def best_of_many(results: pd.DataFrame) -> pd.DataFrame:
    """The best of as many placebos as the paper has alterations, beside the best alterations of the paper and here.

    The mean score of a cell over S seeds x F folds is random with variance v: training is, if nothing else. A placebo
    and the baseline are two draws, so that the variance of their difference, which the runs tell, is 2 v:

        2 v = sd^2 / (S F) (1 + (F - 1) r),  r the part of the variance that the folds of a seed share

    All K cells are compared with the same baseline, so that the best of them is above it by the maximum of K draws
    less one more. Draws are normal.

    Args:
        results: from `text_results.read`, with the placebo.

    Returns:
        A row for each data, model, recipe and printed score: cells, K; seeds, folds; mean and high, the expected best
        improvement in percent and its 95% quantile, with the runs at hand; ours and our_cell, the best of the paper's
        alterations here; paper_mean, paper_high: as mean and high, with the paper's 10 x 10 runs; paper and paper_cell,
        the best that it prints, NaN and empty for another model. No rows without a placebo on FEWEST_SPLITS.
    """
    improved = improvements(results)
    improved = improved[improved["metric"].isin(PRINTED_SCORES)]
    placebo = improved[(improved["cell"] == PLACEBO) & (improved["splits"] >= FEWEST_SPLITS)]
    both = results[results["cell"].isin(["baseline", PLACEBO])]
    shared = shared_by_seeds(both)
    sd = paired_scores(both).groupby(SHARED_BY)["improvement"].std()
    keys = [tuple(row) for row in placebo[SHARED_BY].to_numpy()]
    rows = [
        _row(row, improved, float(sd[key]), float(shared[key]))
        for key, (_, row) in zip(keys, placebo.iterrows(), strict=True)
    ]
    return pd.DataFrame(rows, columns=[*SHARED_BY, *COLUMNS])


def _row(placebo: pd.Series, improved: pd.DataFrame, sd: float, shared: float) -> dict[str, object]:
    """The row of one placebo's metric; `sd` is over its pairs of runs."""
    cells = cell_paper.alterations()
    metric, seeds, folds = str(placebo["metric"]), int(placebo["seeds"]), int(placebo["folds"])
    group = [*GROUP, "metric"]
    same = (improved[group] == placebo[group]).all(axis=1)
    ours = improved[same & improved["cell"].isin(cells)].dropna(subset="improvement")
    theirs = cell_paper.improvements().query("cell != 'baseline'")
    theirs = theirs[(theirs["data"] == placebo["data"]) & (placebo["model"] == LSTM_CS)]
    mean, high = gain(sd * _share(shared, seeds, folds), len(cells))
    paper_mean, paper_high = gain(sd * _share(shared, PAPERS_SEEDS, PAPERS_FOLDS), len(cells))
    our_cell, our_best = _best(ours, "improvement")
    paper_cell, paper_best = _best(theirs, metric)
    return {
        **{key: placebo[key] for key in SHARED_BY},
        **{"cells": len(cells), "seeds": seeds, "folds": folds, "mean": mean, "high": high},
        **{"ours": our_best, "our_cell": our_cell, "paper_mean": paper_mean, "paper_high": paper_high},
        **{"paper": paper_best, "paper_cell": paper_cell},
    }


def gain(se: float, cells: int) -> tuple[float, float]:
    """Mean and 95% quantile of how much the best of `cells` placebos is above the baseline.

    Args:
        se: standard error of one placebo's mean improvement.
    """
    best = _draws(cells)
    return float(se * best.mean()), float(se * np.quantile(best, 0.95))


@cache
def _draws(cells: int) -> NDArray[np.float64]:
    """The maximum of `cells` draws less one more, in units of the standard error of a difference of two."""
    drawn = np.random.default_rng(0).standard_normal((CHOICES, cells + 1))
    return (drawn[:, :-1].max(axis=1) - drawn[:, -1]) / np.sqrt(2)


def _share(shared: float, seeds: int, folds: int) -> float:
    """The standard error of a mean over seeds x folds runs, in standard deviations of one."""
    return float(np.sqrt((1 + (folds - 1) * shared) / (seeds * folds)))


def _best(rows: pd.DataFrame, column: str) -> tuple[str, float]:
    rows = rows.dropna(subset=column)
    if rows.empty:
        return "", float("nan")
    best = rows.iloc[int(rows[column].argmax())]
    return str(best["cell"]), float(best[column])
