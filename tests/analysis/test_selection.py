"""Whether the choice of the best alteration flatters it, in studies in which no alteration is better than another."""

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from analysis.published.cell_paper import PRINTED_SCORES, alterations
from analysis.statistics.selection import top_rows
from conf.kinds import BY_SEED

CELLS = ["baseline", *alterations("C")]
SEEDS, FOLDS, DOCUMENTS = 3, 5, 100


def studies(count: int, partition: str, better: float = 0.0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Test and validation rows of studies, each under the name of a model of its own.

    An alteration is by chance better on some documents than on others, for whatever run, and on none of them in the
    mean over many; C3 is better by `better`.
    """
    random = np.random.default_rng(0)
    rows = []
    for study in range(count):
        effects = 0.1 * random.standard_normal((len(CELLS), DOCUMENTS))
        effects[CELLS.index("C3")] += better
        part = random.permutation(DOCUMENTS) % FOLDS
        for seed in range(SEEDS):
            if partition == BY_SEED:
                part = random.permutation(part)
            of_part = np.stack([effects[:, part == fold].mean(1) for fold in range(FOLDS)])
            noise = 0.005 * random.standard_normal((2, FOLDS, len(CELLS)))
            scored = {"test": 0.5 + of_part + noise[0], "val": 0.5 + np.roll(of_part, -1, 0) + noise[1]}
            rows += [frame(f"m{study}", seed, name, scores) for name, scores in scored.items()]
    every = pd.concat(rows, ignore_index=True).assign(
        data="hate", settings="a1", recipe="", n_folds=FOLDS, partition=partition
    )
    return every[every["split"] == "test"], every[every["split"] == "val"]


def frame(model: str, seed: int, split: str, scores: NDArray[np.float64]) -> pd.DataFrame:
    index = pd.MultiIndex.from_product([range(FOLDS), CELLS], names=["fold", "cell"])
    columns = pd.DataFrame(dict.fromkeys(PRINTED_SCORES, scores.ravel()), index=index).reset_index()
    return columns.assign(model=model, seed=seed, split=split)


def gains(results: pd.DataFrame, top: pd.DataFrame) -> pd.Series:
    """By how much the rows of each study are above the mean of all its alterations."""
    others = results[results["cell"] != "baseline"].groupby("model")["accuracy"].mean()
    return top.groupby("model")["accuracy"].mean() - others


def error(gain: pd.Series) -> float:
    return float(gain.std() / np.sqrt(len(gain)))


@pytest.mark.parametrize("partition", [BY_SEED, "fixed 0"])
def test_a_choice_on_validation_scores_does_not_flatter(partition: str) -> None:
    results, validation = studies(150, partition)
    gain = gains(results, top_rows(results, validation))
    assert len(gain) == 150
    assert abs(gain.mean()) < 3 * error(gain)


@pytest.mark.parametrize("partition", [BY_SEED, "fixed 0"])
def test_a_choice_on_the_scores_that_are_reported_flatters(partition: str) -> None:
    results, validation = studies(50, partition)
    means = results[results["cell"] != "baseline"].groupby(["model", "cell"])["accuracy"].mean().unstack()
    gain = means.max(axis=1) - means.mean(axis=1)
    assert gain.mean() > 10 * error(gain)
    honest = gains(results, top_rows(results, validation))
    assert abs(honest.mean()) < gain.mean() / 3


def test_validation_scores_of_the_documents_that_are_tested_would_flatter() -> None:
    """Which is why the fold whose validation part is the test part is left out."""
    results, validation = studies(50, BY_SEED)
    means = validation[validation["cell"] != "baseline"].groupby(["model", "cell"])["accuracy"].mean().unstack()
    tested = results[results["cell"] == results["model"].map(means.idxmax(axis=1))]
    gain = gains(results, tested)
    assert gain.mean() > 10 * error(gain)


def test_the_one_that_is_better_is_chosen() -> None:
    results, validation = studies(5, BY_SEED, better=0.2)
    top = top_rows(results, validation)
    assert set(top["chosen"]) == {"C3"}
    assert set(top["cell"]) == {"top current"}  # there is no hidden-state one to choose from
    assert len(top) == 5 * SEEDS * FOLDS


def test_one_alteration_is_no_choice() -> None:
    results, validation = studies(1, BY_SEED)
    two = ["baseline", "C1"]
    assert top_rows(results[results["cell"].isin(two)], validation[validation["cell"].isin(two)]).empty
    assert top_rows(results, validation.iloc[:0]).empty


def test_one_alteration_stands_for_all_data_sets_and_robo_has_no_say() -> None:
    results, _ = studies(1, BY_SEED)
    means = {"hate": {"C1": 0.9, "C2": 0.8}, "mlma": {"C1": 0.5, "C2": 0.8}, "robo": {"C1": 9.0, "C2": 0.1}}
    every = pd.concat([results.assign(data=data) for data in means])
    every = every[every["cell"].isin(["baseline", "C1", "C2"])]
    scores = [means[data].get(cell, 0.5) for data, cell in zip(every["data"], every["cell"], strict=True)]
    every = every.assign(**dict.fromkeys(PRINTED_SCORES, scores))
    top = top_rows(every, every, ("robo",))
    assert set(top["chosen"]) == {"C2"}
    assert set(top["data"]) == set(means)
    alone = every[every["data"] == "robo"]
    assert set(top_rows(alone, alone, ("robo",))["chosen"]) == {"C1"}
