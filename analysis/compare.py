"""By how much an alteration changes a score, over runs that differ in nothing else."""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from analysis.design import FACTS, GROUP

SCORES = ["accuracy", "macro_f1", "micro_f1", "weighted_f1"]
"""The scores of the paper's tables, in their order."""

METRICS = [*SCORES, "top1", "seconds", "epoch_seconds"]
"""The columns of results that are compared."""

F1 = "f1"
"""Compared too, though no column: the mean of the macro, micro and weighted F1's improvements, which the paper's text
calls "F1 metrics"."""

ALPHA = 0.05
"""Of every test, and of the intervals: 1 - ALPHA = 95 %."""

LSTM_CS = "bilstm"
"""The model that the paper calls by this name."""

PAIR = [*GROUP, *FACTS, "seed", "fold"]


class Corrected(NamedTuple):
    """Of each mean: its standard error, 95 % interval and two-sided p. NaN where one pair or none cannot tell."""

    se: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    p: NDArray[np.float64]


def corrected_t_test(mean: ArrayLike, sd: ArrayLike, n: ArrayLike, ratio: ArrayLike) -> Corrected:
    """The corrected resampled t-test of Nadeau and Bengio (2003):

        t = mean / sqrt((1 / n + ratio) sd^2),  n - 1 degrees of freedom

    The differences of n runs are not independent, as their training parts overlap: if they were, their mean's variance
    would be sd^2 / n alone. The second term does not shrink with n.

    Args:
        mean, sd: of the n differences; sd with n - 1 in the denominator.
        n: pairs of runs.
        ratio: documents in a test part for each one in a training part, n_test / n_train.
    """
    from scipy.stats import t

    mean, sd, n, ratio = (np.asarray(values, float) for values in (mean, sd, n, ratio))
    se = np.where(n > 1, np.sqrt((1 / n + ratio) * sd**2), np.nan)
    return t_test(mean, se, t(np.where(n > 1, n - 1, np.nan)))


def t_test(mean: NDArray[np.float64], se: NDArray[np.float64], student: object) -> Corrected:
    """Interval and p of means with known standard errors; `student` is scipy's t with its degrees of freedom.

    Runs that agree to the last digit have se 0: p is 1 if their mean is 0, else 0.
    """
    reach = student.ppf(1 - ALPHA / 2) * se  # type: ignore[attr-defined]
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * student.sf(np.abs(mean / se))  # type: ignore[attr-defined]
    p = np.where((se == 0) & (mean == 0), 1.0, p)
    return Corrected(se, mean - reach, mean + reach, p)


def test_per_train(n_folds: pd.Series) -> pd.Series:
    """n_test / n_train of folds that leave one part out for testing and one for validation: 1 / (n_folds - 2).

    Ten folds are the paper's 80-10-10: 1/8.
    """
    return 1 / (n_folds - 2)


def pairs(results: pd.DataFrame, baseline: str = "baseline") -> pd.DataFrame:
    """Each altered run beside the baseline's of the same data, model, settings, seed and fold, in each metric.

    Args:
        results: of `design.study`.
        baseline: the cell that the others are compared with.

    Returns:
        Rows data, model, settings, recipe, n_folds, split_seed, seed, fold, metric, cell; score and base (as in
        metrics.csv); and `improvement`, 100 (score - base) / B, with B the mean of `base` over the pairs of the same
        cell. So the mean improvement is that of the mean scores, which is how the paper's Tables 12 and 15 follow from
        its Tables 3-8; a baseline that scores 0 in one run does no harm; where it scores 0 in all of them there is no
        improvement in percent, and it is NaN, never infinite. The metric "f1" has NaN scores and the mean of three
        improvements.
    """
    metrics = [metric for metric in METRICS if metric in results]
    long = results.melt([*PAIR, "cell"], metrics, "metric", "score").dropna(subset="score")
    base = long[long["cell"] == baseline].drop(columns="cell").rename(columns={"score": "base"})
    both = long[long["cell"] != baseline].merge(base, on=[*PAIR, "metric"])
    mean = both.groupby([*GROUP, "metric", "cell"])["base"].transform("mean")
    both["improvement"] = 100 * (both["score"] - both["base"]) / mean.where(mean != 0)
    return pd.concat([both, _f1(both)], ignore_index=True)


def improvements(results: pd.DataFrame, baseline: str = "baseline") -> pd.DataFrame:
    """By how many percent each alteration improves each metric over the baseline, and how sure that is.

    Args:
        results: of `design.study`.
        baseline: the cell that the others are compared with.

    Returns:
        A row for each data, model, settings (recipe, n_folds, split_seed), metric and cell, the baseline left out:

        - n: pairs of runs of the same seed and fold; seeds, folds: how many different ones
        - baseline, score: mean scores over these pairs, as in metrics.csv (shares, seconds)
        - improvement: mean relative improvement in percent, see `pairs`; sd: its standard deviation over pairs
        - ratio: n_test / n_train; se, low, high, p: `corrected_t_test`, NaN with one pair
        - p_holm: p adjusted by Holm (1979) over the alterations of this data, model, settings and metric
        - wins, ties, losses: pairs in which the score is higher than, equal to, lower than the baseline's

        metric is one of METRICS (of seconds, more is worse), or F1, for which baseline and score are NaN.
    """
    both = pairs(results, baseline)
    sign = np.sign(both["improvement"])
    both = both.assign(wins=sign == 1, ties=sign == 0, losses=sign == -1)
    groups = both.groupby([*GROUP, *FACTS, "metric", "cell"], sort=False)
    table = groups.agg(
        n=("seed", "size"),
        seeds=("seed", "nunique"),
        folds=("fold", "nunique"),
        baseline=("base", "mean"),
        score=("score", "mean"),
        improvement=("improvement", "mean"),
        sd=("improvement", "std"),
        wins=("wins", "sum"),
        ties=("ties", "sum"),
        losses=("losses", "sum"),
    ).reset_index()
    table["ratio"] = test_per_train(table["n_folds"])
    tested = corrected_t_test(*(table[name].to_numpy(float) for name in ("improvement", "sd", "n", "ratio")))
    table = table.assign(**tested._asdict())
    return table.assign(p_holm=holm(table, [*GROUP, "metric"]))


def models(results: pd.DataFrame, recipe: str, cell: str = "C1") -> pd.DataFrame:
    """By how many percent the other models, unaltered, are above LSTM-CS.

    Runs are paired by data set, folds, seed and fold, whatever else the models' settings are.

    Args:
        results: of `design.study`.
        recipe: of the LSTM-CS that is the baseline here.
        cell: its alteration.

    Returns:
        `improvements` with the other model as the `cell`, and a column more, `of`: the other model's recipe.
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


def mean_cell(results: pd.DataFrame, cells: Collection[str], name: str) -> pd.DataFrame:
    """The baseline's runs, and as a cell called `name` the means over `cells` where each of them was run.

    Args:
        results: of `design.study`.
        cells: of one mean.
        name: of the cell that stands for them.
    """
    metrics = [metric for metric in METRICS if metric in results]
    groups = results[results["cell"].isin(cells)].groupby(PAIR, sort=False)
    means = groups[metrics].mean()[groups.size() == len(cells)].reset_index().assign(cell=name)
    return pd.concat([results.loc[results["cell"] == "baseline", list(means)], means], ignore_index=True)


def of_mean_scores(improved: pd.DataFrame) -> pd.DataFrame:
    """Improvements of which `averages` is the improvement of the mean score over data sets, not a mean of percentages.

        100 (mean score - mean base) / mean base = mean of improvement_k * base_k / mean base

    A data set with large scores or long training counts for more, then.

    Args:
        improved: of `improvements` or `models`, one metric.
    """
    weight = improved["baseline"] / improved.groupby(["model", "recipe", "cell"])["baseline"].transform("mean")
    scaled = ["improvement", "sd", "se", "low", "high"]
    return improved.assign(**improved[scaled].mul(weight, axis=0))


def averages(improved: pd.DataFrame, leave_out: tuple[str, ...] = ()) -> pd.DataFrame:
    """Improvements averaged over data sets, each with the same weight.

    The variance is that of a mean of independent means, and the degrees of freedom are Welch's and Satterthwaite's:

        se^2 = sum se_k^2 / K^2,  df = (sum se_k^2)^2 / sum(se_k^4 / (n_k - 1))

    Args:
        improved: of `improvements`.
        leave_out: data sets that do not count, such as ("robo",).

    Returns:
        A row for each model, recipe, metric and cell: sets (how many), data (their names, "hate, mlma"), improvement,
        se, df, low, high, p; the last five are NaN if a data set has one pair only. p_holm is over the alterations.
    """
    from scipy.stats import t

    used = improved[~improved["data"].isin(leave_out)].dropna(subset="improvement")
    variance = used["se"] ** 2
    used = used.assign(variance=variance, share=variance**2 / (used["n"] - 1).replace(0, np.nan))
    groups = used.groupby(["model", "recipe", "metric", "cell"], sort=False)
    summed = groups[["variance", "share"]].agg(_sum)
    table = groups.agg(sets=("data", "size"), data=("data", ", ".join), improvement=("improvement", "mean"))
    table["df"] = summed["variance"] ** 2 / summed["share"].replace(0, np.nan)
    se = np.sqrt(summed["variance"]) / table["sets"]
    # where all se are 0 any degrees of freedom give the same interval, of no length
    tested = t_test(table["improvement"].to_numpy(), se.to_numpy(), t(table["df"].fillna(np.inf).to_numpy()))
    table = table.assign(**tested._asdict()).reset_index()
    return table.assign(p_holm=holm(table, ["model", "recipe", "metric"]))


def _sum(column: pd.Series) -> float:
    return float(column.sum(skipna=False))


def holm(table: pd.DataFrame, family: list[str]) -> pd.Series:
    """The column p adjusted by Holm's method (1979) over the rows of the same family; NaN stays NaN and does not count.

    The k-th smallest of m is multiplied by m - k + 1, and is no smaller than those before it. statsmodels'
    multipletests does the same for one family, with a garbage collection in each call: seconds in all for a study.
    """
    rising = table[[*family, "p"]].sort_values("p", kind="stable")
    groups = rising.groupby(family, sort=False)["p"]
    adjusted = rising["p"] * (groups.transform("count") - groups.cumcount())
    return adjusted.groupby([rising[name] for name in family], sort=False).cummax().clip(upper=1).reindex(table.index)


def _f1(both: pd.DataFrame) -> pd.DataFrame:
    """Rows of the metric "f1", one for each pair of runs."""
    ones = both[both["metric"].isin(["macro_f1", "micro_f1", "weighted_f1"])]
    means = ones.groupby([*PAIR, "cell"], sort=False)["improvement"].sum(min_count=3) / 3
    return means.reset_index().assign(metric=F1, score=np.nan, base=np.nan)
