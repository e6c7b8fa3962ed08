"""The gain from choosing the best of many placebos."""

import numpy as np
import pytest
from study_runs import results

from analysis.published import cell_paper
from analysis.statistics.best_of_many import best_of_many, gain


def test_the_best_of_one_placebo_gains_nothing_on_average() -> None:
    mean, high = gain(2.0, 1)
    assert mean == pytest.approx(0, abs=0.02)
    assert high == pytest.approx(1.645 * 2, rel=0.01)


def test_the_best_of_17_is_the_mean_maximum_of_normal_draws() -> None:
    mean, _ = gain(np.sqrt(2), 17)
    assert mean == pytest.approx(1.794, rel=0.01)  # Tippett (1925): 1.79394 standard deviations


def studies(count: int) -> np.ndarray:
    """Scores `[studies, baseline and 17 placebos, seeds, folds]`; half of the variance is shared by a seed's folds."""
    random = np.random.default_rng(1)
    seeds, folds = (random.standard_normal((count, 18, 10, size)) for size in (1, 4))
    return 0.5 + 0.01 * (np.sqrt(0.5) * seeds + np.sqrt(0.5) * folds)


def test_it_is_what_studies_of_17_placebos_show() -> None:
    means = studies(2000).mean(axis=(2, 3))
    truth = (100 * (means[:, 1:].max(axis=1) - means[:, 0]) / means[:, 0]).mean()
    estimates = []
    for scores in studies(20)[:, :2]:  # from one placebo only
        rows = results({"baseline": [*scores[0].flat], "placebo": [*scores[1].flat]})
        found = best_of_many(rows.assign(fold=rows["seed"] % 4, seed=rows["seed"] // 4))
        estimates.append(found.set_index("metric").loc["macro_f1", "mean"])
    assert np.mean(estimates) == pytest.approx(truth, rel=0.15)


def test_the_best_here_and_in_the_paper_stand_beside_it() -> None:
    cells = {"baseline": [0.5, 0.52], "placebo": [0.51, 0.5], "C1": [0.5, 0.53], "C2": [0.6, 0.6], "c * 2": [1, 1]}
    row = (
        best_of_many(results({cell: scores * 3 for cell, scores in cells.items()})).set_index("metric").loc["macro_f1"]
    )
    assert (row["our_cell"], row["seeds"], row["folds"], row["cells"]) == ("C2", 6, 1, 17)
    assert row["ours"] == pytest.approx(100 * 0.09 / 0.51)
    paper = cell_paper.improvements().query("data == 'hate' and cell != 'baseline'")
    assert row["paper"] == paper["macro_f1"].max()
    assert row["paper_mean"] == pytest.approx(row["mean"] * np.sqrt(6 / 100))  # folds share nothing here: one fold


def test_a_placebo_on_few_splits_tells_nothing() -> None:
    assert best_of_many(results({"baseline": [0.5, 0.52] * 2, "placebo": [0.51, 0.5] * 2})).empty


def test_without_a_placebo_there_are_no_rows() -> None:
    assert best_of_many(results({"baseline": [0.5, 0.52], "C1": [0.5, 0.53]})).empty
