"""Contrasts of mean errors: over seeds by Student's t, over days by a block bootstrap."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel

from analysis.statistics.contrasts import METRICS, RESAMPLES, Contrasts, Field

A, B = Field(7, "btc", "lstm"), Field(7, "btc_sent", "lstm")
LESS = {B: 1.0, A: -1.0}


def errors(seeds: int, days: int, size: float = 1.0, seed: int = 0) -> pd.DataFrame:
    values = size * np.random.default_rng(seed).standard_normal((seeds, days))
    return pd.DataFrame(values, columns=[f"2020-01-{day:03}" for day in range(days)])


def test_over_seeds_it_is_the_paired_t_test() -> None:
    tables = {A: errors(5, 100), B: errors(5, 100, 0.9, seed=1)}
    spread = Contrasts(tables).spread(LESS, "mae")
    ours, theirs = (np.abs(tables[field]).mean(axis=1) for field in (B, A))
    expected = ttest_rel(ours, theirs)
    assert spread.mean == pytest.approx((ours - theirs).mean())
    assert spread.p == pytest.approx(expected.pvalue)
    assert (spread.low, spread.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))


def test_the_seeds_that_both_have_are_paired() -> None:
    tables = {A: errors(4, 40), B: errors(4, 40).iloc[[2, 1]]}
    spread = Contrasts(tables).spread(LESS, "rmse")
    assert (spread.n, spread.mean) == (2, 0)
    assert Contrasts({A: tables[A], B: errors(4, 40).set_index(pd.Index([7, 8, 9, 10]))}).why_not(LESS) == (
        "no seed in common"
    )


def test_one_seed_or_few_days_give_no_interval() -> None:
    spread = Contrasts({A: errors(1, 20)}).spread({A: 1.0}, "rmse")
    assert np.isnan([spread.sd, spread.low, spread.high, spread.p, spread.days_low, spread.days_high]).all()


def test_a_field_that_was_not_run_is_missing() -> None:
    assert Contrasts({A: errors(1, 20)}).why_not(LESS) == "1 of 2 fields missing"


def test_the_interval_over_days_is_that_of_the_mean_where_days_are_independent() -> None:
    table = errors(1, 400)
    spread = Contrasts({A: table}).spread({A: 1.0}, "mae")
    half = 1.96 * np.abs(table.to_numpy()).std(ddof=1) / 20
    assert (spread.days_high - spread.days_low) / 2 == pytest.approx(half, rel=0.25)


def test_days_that_follow_each_other_widen_the_interval() -> None:
    """The mean of n numbers that each stand for ten days has ten times the variance of that of n independent days."""
    apart = errors(1, 400)
    alike = pd.DataFrame(np.repeat(apart.to_numpy()[:, :40], 10, axis=1), columns=apart.columns)
    one, other = (Contrasts({A: table}) for table in (apart, alike))
    assert one.block < other.block
    widths = [found.days_high - found.days_low for found in (each.spread({A: 1.0}, "mae") for each in (one, other))]
    assert widths[1] > 1.6 * widths[0]  # 3.2 times with endless data


def test_days_are_resampled_together_for_all_fields() -> None:
    """Errors that differ by a factor on each day differ by it on each resample."""
    tables = {A: errors(2, 100), B: 2 * errors(2, 100)}
    spread = Contrasts(tables).spread({B: 1.0, A: -2.0}, "rmse")
    assert [spread.mean, spread.days_low, spread.days_high] == pytest.approx([0, 0, 0], abs=1e-12)


@pytest.mark.slow
def test_the_interval_over_days_covers_the_truth_as_often_as_it_says() -> None:
    """100 made-up series of dependent days with a known mean absolute error, an AR(1) of coefficient 0.5."""
    random = np.random.default_rng(3)
    truth = np.sqrt(2 / np.pi) / np.sqrt(1 - 0.25)
    held = 0
    for _ in range(100):
        values = np.zeros(300)
        for day, shock in enumerate(random.standard_normal(300)):
            values[day] = 0.5 * values[day - 1] + shock
        table = pd.DataFrame(values[None], columns=[str(day) for day in range(300)])
        spread = Contrasts({A: table}).spread({A: 1.0}, "mae")
        held += spread.days_low <= truth <= spread.days_high
    assert 85 <= held <= 100


def test_the_metrics_are_those_of_the_tables() -> None:
    row = np.array([[3.0, -4.0]])
    assert METRICS["rmse"](row) == pytest.approx([12.5**0.5])
    assert METRICS["mae"](row) == pytest.approx([3.5])
    assert RESAMPLES >= 1000
