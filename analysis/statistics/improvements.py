"""By how many percent an alteration changes a score, over pairs of runs that differ in nothing else."""

from collections.abc import Collection

import numpy as np
import pandas as pd

from analysis.published.cell_paper import LSTM_CS, PRINTED_SCORES
from analysis.statistics.significance import corrected_t_test, holm_over_alterations, ratio_of_test_to_train
from analysis.study.text_results import FACTS, GROUP
from conf.kinds import BY_SEED, GIVEN

COMPARED_METRICS = [*PRINTED_SCORES, "top1", "seconds", "epoch_seconds"]
"""The columns of results that are compared."""

TIMES = ("seconds", "epoch_seconds")
"""Those of them that all runs of a stack share, since they are trained at once."""

F1 = "f1"
"""Compared as well, though it is no column: the mean of the improvements in macro, micro and weighted F1, which the
paper's text calls "F1 metrics"."""

PAIR = [*GROUP, *FACTS, "seed", "fold"]
"""The columns in which the two runs of a pair agree."""

COMPARISON = [*GROUP, *FACTS, "metric", "cell"]
"""The columns that identify a comparison of a cell with the baseline."""


def paired_scores(results: pd.DataFrame, baseline: str = "baseline") -> pd.DataFrame:
    """Each altered run beside the baseline's of the same data, model, settings, seed and fold, in each metric.

    Args:
        results: from `text_results.read`.
        baseline: the cell that the others are compared with.

    Returns:
        Rows data, model, settings, recipe, n_folds, partition, seed, fold, metric, cell; score and base (as in
        metrics.csv); and `improvement`, 100 (score - base) / B, with B the mean of `base` over the pairs of the same
        cell. So the mean improvement is that of the mean scores, which is how the paper's Tables 12 and 15 follow from
        its Tables 3-8; a baseline that scores 0 in one run does no harm; where it scores 0 in all of them there is no
        improvement in percent, and it is NaN, never infinite. The metric "f1" has NaN scores and the mean of three
        improvements.
    """
    metrics = [metric for metric in COMPARED_METRICS if metric in results]
    long = results.melt([*PAIR, "cell"], metrics, "metric", "score").dropna(subset="score")
    base = long[long["cell"] == baseline].drop(columns="cell").rename(columns={"score": "base"})
    both = long[long["cell"] != baseline].merge(base, on=[*PAIR, "metric"])
    mean = both.groupby([*GROUP, "metric", "cell"])["base"].transform("mean")
    both["improvement"] = 100 * (both["score"] - both["base"]) / mean.where(mean != 0)
    return pd.concat([both, _f1(both)], ignore_index=True)


def improvements(results: pd.DataFrame, baseline: str = "baseline") -> pd.DataFrame:
    """By how many percent each alteration improves each metric over the baseline, and how sure that is.

    Args:
        results: from `text_results.read`.
        baseline: the cell that the others are compared with.

    Returns:
        A row for each data, model, settings (recipe, n_folds, partition), metric and cell, the baseline left out:

        - n: pairs of runs of the same seed and fold; seeds, folds: how many different ones; splits: of the documents,
          see `_over_splits`
        - baseline, score: mean scores over these pairs, as in metrics.csv (shares, seconds)
        - improvement: mean relative improvement in percent, see `paired_scores`; sd: its standard deviation over splits
        - ratio: n_test / n_train; se, low, high, p: `corrected_t_test`, NaN with one split
        - p_holm: p adjusted by Holm (1979) over the alterations of this data, model, settings and metric, the paper's,
          other cells and a placebo each by themselves, see `kinds_of_cells`
        - wins, ties, losses: pairs in which the score is higher than, equal to, lower than the baseline's

        metric is one of COMPARED_METRICS (of seconds, more is worse), or F1, for which baseline and score are NaN.
    """
    both = paired_scores(results, baseline)
    sign = np.sign(both["improvement"])
    both = both.assign(wins=sign == 1, ties=sign == 0, losses=sign == -1)
    groups = both.groupby(COMPARISON, sort=False)
    table = groups.agg(
        n=("seed", "size"),
        seeds=("seed", "nunique"),
        folds=("fold", "nunique"),
        baseline=("base", "mean"),
        score=("score", "mean"),
        improvement=("improvement", "mean"),
        wins=("wins", "sum"),
        ties=("ties", "sum"),
        losses=("losses", "sum"),
    )
    table = table.join(_over_splits(both)).reset_index()
    table["ratio"] = ratio_of_test_to_train(table["n_folds"])
    tested = corrected_t_test(*(table[name].to_numpy(float) for name in ("improvement", "sd", "splits", "ratio")))
    table = table.assign(**tested._asdict())
    return table.assign(p_holm=holm_over_alterations(table, [*GROUP, "metric"]))


def _over_splits(both: pd.DataFrame) -> pd.DataFrame:
    """How many different splits of the documents each comparison has, and the standard deviation over them.

    Where each seed has a partition of its own, every pair of runs has another split, and the test is that of repeated
    cross-validation. Where all seeds share one partition, runs of a fold differ in chance of training only: the mean
    over its seeds is the fold's one value, since the same documents tested again say nothing about others. A test over
    pairs would call a third of all studies of three such folds significant although nothing differs, see the
    simulation in tests/analysis/test_false_alarms.py.

    Pairs with the same two times count once: they come from the same two stacks, and are one measurement.
    """
    shared = both["metric"].isin(TIMES) & both.duplicated([*COMPARISON, "score", "base"])
    both = both[~shared]
    own = both["seed"].where(both["partition"] == BY_SEED, -1)
    fold = both["fold"].where(both["partition"] != GIVEN, -1)  # all folds test the same documents
    each = both.assign(own=own, fold=fold).groupby([*COMPARISON, "own", "fold"], sort=False)["improvement"].mean()
    splits = each.groupby(COMPARISON, sort=False)
    return pd.DataFrame({"splits": splits.size(), "sd": splits.std()})


def model_improvements(results: pd.DataFrame, recipe: str, cell: str = "C1") -> pd.DataFrame:
    """By how many percent the other models, unaltered, are above LSTM-CS.

    Runs are paired by data set, folds, seed and fold, whatever else the models' settings are.

    Args:
        results: from `text_results.read`.
        recipe: the recipe of the LSTM-CS that is the baseline here.
        cell: its alteration.

    Returns:
        As `improvements`, with the other model as the `cell`, and a column more, `of`: the other model's recipe.
    """
    control = (results["model"] == LSTM_CS) & (results["recipe"] == recipe) & (results["cell"] == cell)
    others = results[(results["model"] != LSTM_CS) & (results["cell"] == "baseline")]
    beside = results[control]
    beside = beside.assign(cell="control", settings=beside["data"])
    found = [improvements(beside, "control").assign(of="")]  # no rows, but their columns
    for (model, of), runs in others.groupby(["model", "recipe"], sort=False):
        renamed = runs.assign(cell=str(model), model=LSTM_CS, recipe=recipe, settings=runs["data"])
        found.append(improvements(pd.concat([beside, renamed]), "control").assign(of=str(of)))
    return pd.concat([rows for rows in found if len(rows)] or found[:1], ignore_index=True)


def with_mean_cell(results: pd.DataFrame, cells: Collection[str], name: str) -> pd.DataFrame:
    """The baseline's runs, and as a cell called `name` the means over `cells` where each of them was run.

    Args:
        results: from `text_results.read`.
        cells: the cells to take the mean over.
        name: the name of the cell that stands for them.
    """
    metrics = [metric for metric in COMPARED_METRICS if metric in results]
    groups = results[results["cell"].isin(cells)].groupby(PAIR, sort=False)
    means = groups[metrics].mean()[groups.size() == len(cells)].reset_index().assign(cell=name)
    return pd.concat([results.loc[results["cell"] == "baseline", list(means)], means], ignore_index=True)


def _f1(both: pd.DataFrame) -> pd.DataFrame:
    """Rows of the metric "f1", one for each pair of runs."""
    ones = both[both["metric"].isin(["macro_f1", "micro_f1", "weighted_f1"])]
    means = ones.groupby([*PAIR, "cell"], sort=False)["improvement"].sum(min_count=3) / 3
    return means.reset_index().assign(metric=F1, score=np.nan, base=np.nan)
