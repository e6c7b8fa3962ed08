"""The names of groups of runs, and which runs are one group."""

from pathlib import Path

import pandas as pd
import pytest
from study_runs import write_run

from analysis.statistics.improvements import improvements
from analysis.study import text_results
from analysis.study.design import design_of
from analysis.study.recipes import recipes
from analysis.summary import summary

NAMED = {
    "best": {"split": "by_seed", "padding": "mask", "patience": "5", "monitor": "loss"},
    "paper": {"split": "by_seed", "padding": "paper", "patience": "None", "monitor": "loss"},
}
BEST = {"split": "by_seed", "padding": "mask", "patience": 5}
PAPER = {"split": "by_seed", "padding": "paper", "patience": None}


def named(*runs: dict[str, object]) -> list[str]:
    """The names of groups of bilstm on HATE, in their order."""
    about = {"model": {"name": "bilstm"}, "data": {"name": "hate"}, "lr": 0.001}
    found = recipes({str(number): {**about, **run} for number, run in enumerate(runs)}, NAMED)
    return [found[str(number)] for number in range(len(runs))]


def test_both_recipes_by_their_names() -> None:
    assert named(BEST, PAPER) == ["best", "paper"]
    assert named(BEST) == [""]  # nothing to tell it from
    assert named(PAPER) == ["paper"]


def test_other_settings_are_what_differs_from_the_nearer_recipe() -> None:
    assert named(BEST, {**BEST, "padding": "paper"}) == ["best", "padding=paper"]
    assert named(PAPER, {**PAPER, "monitor": "accuracy"}) == ["paper", "paper, monitor=accuracy"]
    assert named({**PAPER, "monitor": "accuracy"}) == ["paper, monitor=accuracy"]


def test_settings_of_neither_recipe_come_after_its_name() -> None:
    assert named(BEST, PAPER, {**BEST, "lr": 0.002}) == ["best, lr=0.001", "paper, lr=0.001", "best, lr=0.002"]


def test_a_record_without_split_had_one_partition() -> None:
    old = {"padding": "mask", "patience": 5}
    assert named(BEST, {**old, "split_seed": 0}, {**old, "split_seed": 3}) == [
        "best",
        "split=fixed, split_seed=0",
        "split=fixed, split_seed=3",
    ]


# Older versions, with 'split_seed=${seed}'


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Baseline and C1 with seeds 0-3, each seed with its own number of the partition in the record."""
    for seed in range(4):
        for cell, score in (("baseline", 0.5), ("C1", 0.6 + seed / 100)):
            write_run(tmp_path / "runs" / f"{cell}{seed}", [score] * 5, cell, seed=seed, split_seed=seed)
    return tmp_path / "runs"


def test_seeds_with_a_partition_each_are_one_recipe(old: Path) -> None:
    rows = text_results.read(old)
    assert rows["settings"].nunique() == 1
    assert set(rows["partition"]) == {"by_seed"}
    assert set(rows["recipe"]) == {""}
    ((_, row),) = improvements(rows).query("metric == 'macro_f1'").iterrows()
    assert (row["n"], row["splits"]) == (4, 4)
    assert len(summary(old).splitlines()) == 3


def test_they_are_the_group_of_todays_runs(old: Path) -> None:
    write_run(old / "today", [0.5] * 5, seed=9)
    assert text_results.read(old)["settings"].nunique() == 1


def test_a_failed_run_among_them_is_missing_from_their_group(old: Path) -> None:
    (old / "C12" / "finished").unlink()
    rows = text_results.read(old)
    without = text_results.without_result(old, rows)
    assert without["settings"].tolist() == rows["settings"].unique().tolist()
    assert design_of(rows, without).missing.empty


def test_one_partition_with_several_seeds_stays_one(tmp_path: Path) -> None:
    for seed in range(3):
        write_run(tmp_path / f"a{seed}", [0.5] * 5, seed=seed, split_seed=0)
    write_run(tmp_path / "b", [0.5] * 5, seed=1, split_seed=1)
    rows = text_results.read(tmp_path)
    assert sorted(rows.drop_duplicates("settings")["partition"]) == ["fixed 0", "fixed 1"]


def test_the_column_of_metrics_csv_is_what_config_yaml_says(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "a", [0.5] * 5)
    rows = pd.read_csv(folder / "metrics.csv").assign(partition="by_seed")
    rows.to_csv(folder / "metrics.csv", index=False)
    write_run(tmp_path / "b", [0.5] * 5, split_seed=0)
    assert sorted(text_results.read(tmp_path)["partition"]) == ["by_seed", "fixed 0"]
