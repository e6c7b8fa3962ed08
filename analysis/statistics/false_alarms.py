"""How often the test calls the placebo significant, beside a simulation that says how often it should."""

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.published.cell_paper import PRINTED_SCORES
from analysis.statistics.improvements import F1, improvements, paired_scores
from analysis.statistics.significance import ALPHA, corrected_t_test
from conf.compose import PLACEBO
from conf.kinds import BY_SEED

ONE_SEED, ALL_SEEDS = "one seed", "all seeds"
"""The runs that one test covers: the folds of one seed, so that there are many tests, or the whole study."""

STUDIES = 4000
"""Simulated studies for each design: a rate of 5% has a standard error of 0.3%."""

SHARED_BY = ["data", "model", "recipe", "metric"]

Rates = tuple[float, float]
"""The share of significant results of the corrected test, and that of Student's."""


class Layout(NamedTuple):
    """The runs of one comparison.

    Attributes:
        seeds, folds: how many.
        ratio: n_test / n_train.
        by_seed: whether each seed has its own partition.
    """

    seeds: int
    folds: int
    ratio: float
    by_seed: bool


def false_alarms(results: pd.DataFrame) -> pd.DataFrame:
    """The share of tests that find the placebo better or worse than the baseline, p below 5%.

    The placebo is one more draw of the baseline, so each of these is a false alarm. Its differences owe nothing to the
    documents that splits share: they are independent but for a seed's initial weights, which serve all its folds. For
    such differences Student's t-test is nearly right, and the corrected test, which is made for differences that do
    carry over from split to split, should call far fewer than 5%. The simulation says how many.

    Args:
        results: from `text_results.read`.

    Returns:
        A row for each model, recipe, metric (the printed scores and F1) and what the tests are over, ONE_SEED or
        ALL_SEEDS: data, the data sets; tests, how many; significant, how many of them; rate, and low and high, its
        95% binomial interval (Clopper and Pearson); simulated, what `simulated_rates` says it should be; student and
        simulated_student: the same shares for Student's t-test. Without a placebo or with one split, no rows.
    """
    both = results[results["cell"].isin(["baseline", PLACEBO])]
    each = {ONE_SEED: both.assign(settings=both["settings"] + " " + both["seed"].astype(str)), ALL_SEEDS: both}
    shared = shared_by_seeds(both)
    tested = [_tested(runs, over, shared) for over, runs in each.items()]
    rows = [
        {**dict(zip(("model", "recipe", "over", "metric"), key, strict=True)), **_counted(tests)}
        for key, tests in pd.concat(tested).groupby(["model", "recipe", "over", "metric"], sort=False)
    ]
    columns = ["tests", "significant", "rate", "low", "high", "simulated", "student", "simulated_student"]
    return pd.DataFrame(rows, columns=["model", "recipe", "over", "metric", "data", *columns])


@cache
def simulated_rates(layout: Layout, shared: float) -> Rates:
    """How often the tests call significant what is randomness of training alone, from simulated studies.

    A difference is normal with mean 0, as that of the placebo is by its making. A part `shared` of its variance is the
    same in all folds of a seed.
    """
    random = np.random.default_rng(0)
    of_seed = random.standard_normal((STUDIES, layout.seeds, 1))
    of_run = random.standard_normal((STUDIES, layout.seeds, layout.folds))
    differences = np.sqrt(shared) * of_seed + np.sqrt(1 - shared) * of_run
    splits = differences.reshape(STUDIES, -1) if layout.by_seed else differences.mean(1)
    return _rates(splits.mean(1), splits.std(1, ddof=1), splits.shape[1], layout.ratio)


def _rates(mean: NDArray[np.float64], sd: NDArray[np.float64], splits: int, ratio: float) -> Rates:
    corrected, student = (corrected_t_test(mean, sd, splits, each).p < ALPHA for each in (ratio, 0.0))
    return float(corrected.mean()), float(student.mean())


def _tested(runs: pd.DataFrame, over: str, shared: pd.Series) -> pd.DataFrame:
    """Every test of the placebo: `improvements`, whether each test calls it, and how often it should."""
    rows = improvements(runs)
    rows = rows[rows["metric"].isin([*PRINTED_SCORES, F1])].dropna(subset="p")
    mean, sd, splits = (rows[name].to_numpy(float) for name in ("improvement", "sd", "splits"))
    student = corrected_t_test(mean, sd, splits, 0.0).p
    rows = rows.assign(over=over, called=rows["p"] < ALPHA, called_by_student=student < ALPHA)
    expected = [simulated_rates(layout, share) for layout, share in _layouts(rows, over, shared)]
    return rows.assign(simulated=[rates[0] for rates in expected], simulated_student=[rates[1] for rates in expected])


def _layouts(rows: pd.DataFrame, over: str, shared: pd.Series) -> Iterator[tuple[Layout, float]]:
    for _, row in rows.iterrows():
        own = over == ONE_SEED or row["partition"] == BY_SEED  # the folds of one seed are different splits in any case
        layout = Layout(int(row["seeds"]), int(row["folds"]), float(row["ratio"]), own)
        yield layout, float(shared[tuple(row[name] for name in SHARED_BY)])


def shared_by_seeds(both: pd.DataFrame) -> pd.Series:
    """The part of the variance that folds of a seed share, by SHARED_BY: data, model, recipe and metric.

    It is the intraclass correlation of a one-way analysis of variance, 0 if it would be negative or there is one seed.
    """
    pairs = paired_scores(both)
    seeds = pairs.groupby([*SHARED_BY, "seed"])["improvement"].agg(["mean", "var", "size"])
    of_group = seeds.groupby(SHARED_BY)
    within, folds = of_group["var"].mean(), of_group["size"].mean()
    between = (of_group["mean"].var() - within / folds).clip(lower=0).fillna(0)
    return (between / (between + within)).fillna(0)


def _counted(tests: pd.DataFrame) -> dict[str, object]:
    from scipy.stats import binomtest

    called = int(tests["called"].sum())
    interval = binomtest(called, len(tests)).proportion_ci(1 - ALPHA)
    return {
        "data": ", ".join(dict.fromkeys(tests["data"])),
        "tests": len(tests),
        "significant": called,
        "rate": called / len(tests),
        "low": interval.low,
        "high": interval.high,
        "simulated": tests["simulated"].mean(),
        "student": tests["called_by_student"].mean(),
        "simulated_student": tests["simulated_student"].mean(),
    }
