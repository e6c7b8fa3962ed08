"""How often the test calls a difference significant where there is none, in cross-validation whose training parts
overlap."""

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from analysis.statistics.false_alarms import (
    ALL_SEEDS,
    ONE_SEED,
    Layout,
    simulated_rates,
)
from analysis.statistics.false_alarms import (
    STUDIES as SIMULATED,
)
from analysis.statistics.false_alarms import (
    false_alarms as of_placebo,
)
from analysis.statistics.improvements import improvements
from analysis.statistics.significance import corrected_t_test
from conf.kinds import BY_SEED

STUDIES, SEEDS, FOLDS, DOCUMENTS = 200, 10, 10, 100


def accuracies(random: np.random.Generator, partition: str) -> NDArray[np.float64]:
    """Test accuracies of two classifiers in one study, `[seeds, folds, 2]`.

    Both take the class with the nearer mean of three features; the three of one are as informative as those of the
    other, so that neither is better. On the documents of one study one of them is, by chance.
    """
    label = np.where(np.arange(DOCUMENTS) % 2 == 0, 1, -1)
    features = random.standard_normal((DOCUMENTS, 2, 3)) + 0.3 * label[:, None, None]
    part = random.permutation(DOCUMENTS) % FOLDS
    scores = np.empty((SEEDS, FOLDS, 2))
    for seed in range(SEEDS):
        if partition == BY_SEED:
            part = random.permutation(part)
        sums = np.einsum("nk,n,ncf->kcf", np.eye(FOLDS)[part], label, features)
        for fold in range(FOLDS):
            weights = sums.sum(0) - sums[fold] - sums[(fold + 1) % FOLDS]  # 80 % train, one part validates
            weights = weights + 3 * random.standard_normal(weights.shape)  # chance in training
            tested = part == fold
            right = np.einsum("ncf,cf->nc", features[tested], weights) * label[tested, None] > 0
            scores[seed, fold] = right.mean(0)
    return scores


def studies(partition: str) -> pd.DataFrame:
    """Many studies as `text_results.read` reads one; each is a group of its own."""
    random = np.random.default_rng(0)
    scores = np.stack([accuracies(random, partition) for _ in range(STUDIES)])
    index = pd.MultiIndex.from_product(
        [range(STUDIES), range(SEEDS), range(FOLDS), ["baseline", "C1"]], names=["settings", "seed", "fold", "cell"]
    )
    rows = pd.DataFrame({"accuracy": scores.ravel()}, index=index).reset_index()
    return rows.assign(
        data="hate", model="bilstm", recipe="", n_folds=FOLDS, partition=partition, macro_f1=0.5, micro_f1=0.5,
        weighted_f1=0.5,
    )  # fmt: skip


def false_alarms(runs: pd.DataFrame) -> float:
    improved = improvements(runs).query("metric == 'accuracy'")
    assert len(improved) == STUDIES
    return float((improved["p"] < 0.05).mean())


def false_alarms_over_pairs(runs: pd.DataFrame, overlap: float) -> float:
    """Those of a test that takes every pair of runs as a split, with n_test / n_train = `overlap`."""
    wide = runs.pivot_table("accuracy", ["settings", "seed", "fold"], "cell")
    each = (wide["C1"] - wide["baseline"]).groupby("settings")
    return float((corrected_t_test(each.mean(), each.std(), each.size(), overlap).p < 0.05).mean())


@pytest.mark.slow
def test_repeated_cross_validation() -> None:
    runs = studies(BY_SEED)
    assert 0.005 <= false_alarms(runs) <= 0.08
    assert false_alarms_over_pairs(runs, 0) > 0.4  # Student's test, as if the runs were independent
    few = runs[runs["fold"] < 3]
    assert 0.005 <= false_alarms(few) <= 0.09


@pytest.mark.slow
def test_one_partition_for_all_seeds() -> None:
    runs = studies("fixed 0")
    assert false_alarms(runs) <= 0.08
    few = runs[runs["fold"] < 3]
    assert false_alarms(few) <= 0.08
    assert false_alarms_over_pairs(few, 1 / 8) > 0.2
    one = improvements(runs[runs["fold"] == 0])
    assert one["p"].isna().all()


def test_differences_that_correlate_as_the_correction_assumes_give_exactly_its_level() -> None:
    """Nadeau and Bengio: two splits correlate by n_test / (n_test + n_train), here (1/8) / (1 + 1/8) = 1/9."""
    random = np.random.default_rng(0)
    n, rho = 100, 1 / 9
    shared, own = random.standard_normal((20_000, 1)), random.standard_normal((20_000, n))
    differences = np.sqrt(rho) * shared + np.sqrt(1 - rho) * own
    tested = corrected_t_test(differences.mean(1), differences.std(1, ddof=1), n, 1 / 8)
    assert (tested.p < 0.05).mean() == pytest.approx(0.05, abs=0.005)
    student = corrected_t_test(differences.mean(1), differences.std(1, ddof=1), n, 0)
    assert (student.p < 0.05).mean() > 0.5


# The placebo


def placebo_runs(shared: float = 0.0, better: float = 0.0, seeds: int = 40, partition: str = BY_SEED) -> pd.DataFrame:
    """One study of the baseline and its placebo: scores of 0.5 with chance of training, part of which is the seed's."""
    random = np.random.default_rng(1)
    index = pd.MultiIndex.from_product(
        [["baseline", "placebo"], range(seeds), range(FOLDS)], names=["cell", "seed", "fold"]
    )
    own = random.standard_normal((2, seeds, FOLDS))
    of_seed = random.standard_normal((2, seeds, 1))
    scores = 0.5 + 0.01 * (np.sqrt(shared) * of_seed + np.sqrt(1 - shared) * own)
    scores[1] += better
    rows = pd.DataFrame(dict.fromkeys(("accuracy", "macro_f1", "micro_f1", "weighted_f1"), scores.ravel()), index=index)
    return rows.reset_index().assign(
        data="hate", model="bilstm", settings="a1", recipe="", n_folds=FOLDS, partition=partition
    )


def of_accuracy(runs: pd.DataFrame) -> pd.DataFrame:
    return of_placebo(runs).query("metric == 'accuracy'").set_index("over")


def test_the_placebo_is_called_as_often_as_the_simulation_says() -> None:
    found = of_accuracy(placebo_runs())
    assert found["tests"].to_dict() == {ONE_SEED: 40, ALL_SEEDS: 1}
    one = found.loc[ONE_SEED]
    assert one["rate"] == one["significant"] / 40
    assert one["low"] <= one["simulated"] <= one["high"]
    assert one["simulated_student"] == pytest.approx(0.05, abs=0.015)
    assert one["simulated"] < 0.02
    assert found.loc[ALL_SEEDS, "simulated"] < 0.001


def test_what_the_seed_shares_is_in_the_simulation() -> None:
    one = of_accuracy(placebo_runs(shared=0.5)).loc[ONE_SEED]
    assert one["simulated_student"] > 0.4
    assert one["low"] <= one["simulated"] <= one["high"]
    assert one["simulated"] > 0.1


def test_a_placebo_that_is_better_is_called() -> None:
    found = of_accuracy(placebo_runs(better=0.05))
    assert found["rate"].tolist() == [1, 1]
    assert found.loc[ALL_SEEDS, "high"] == 1
    assert (found["simulated"] < 0.02).all()


def test_independent_differences_without_overlap_have_the_level_of_the_test() -> None:
    corrected, student = simulated_rates(Layout(10, 10, 0.0, True), 0.0)
    assert corrected == student == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / SIMULATED))


def test_one_partition_is_tested_over_its_folds() -> None:
    found = of_accuracy(placebo_runs(partition="fixed 0"))
    assert found.loc[ALL_SEEDS, "simulated_student"] == pytest.approx(0.05, abs=0.015)


def test_without_a_placebo_there_are_no_false_alarms() -> None:
    runs = placebo_runs()
    assert of_placebo(runs[runs["cell"] == "baseline"]).empty
    assert of_placebo(runs[(runs["seed"] == 0) & (runs["fold"] == 0)]).empty
