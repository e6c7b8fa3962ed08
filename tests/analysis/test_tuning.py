"""Tuned runs beside those with the given settings."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from study_runs import record_of, write_study

from analysis.statistics.tuning import comparisons, expected_best, gains
from analysis.study import text_results
from analysis.study.archiving import archive
from analysis.study.trials import read_trials
from analysis.tables.tuned_table import as_text, tuned_tables
from cells.errors import UserError

HOW = "12 trials on fold 8 (3f2a)"


def given_settings(**run: object) -> str:
    """The fingerprint of the settings of runs that `write_study` writes."""
    about = {"data": {"name": "hate"}, "model": {"name": "bilstm"}, "epochs": 4, "patience": 5, "n_folds": 10, **run}
    return record_of("baseline", **about).settings


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Fixed and tuned runs of three cells; tuning takes from C1 what it had over the baseline, and gives it to C2."""
    folder = tmp_path / "runs"
    fixed = {"lr": 0.001, "batch_size": 64, "split_seed": 0}
    write_study(folder, ["hate"], ["baseline", "C1", "C2"], 2, 6, {"C1": 0.4}, **fixed)
    write_study(folder, ["hate"], ["baseline", "C1", "C2"], 2, 6, {"C1": 0.4}, **{**fixed, "lr": 0.1})
    for cell, lr, gain in (("baseline", 0.002, 0.1), ("C1", 0.003, 0.1), ("C2", 0.004, 0.5)):
        write_study(folder, ["hate"], [cell], 2, 6, {cell: gain}, **{**fixed, "lr": lr, "tuned": HOW})
        scores = [0.1 * gain, *(gain * k / 12 for k in range(1, 12))]
        lrs = [0.001, *np.linspace(0.0001, 0.01, 10), lr]
        table = pd.DataFrame({"trial": range(12), "lr": lrs, "batch_size": 64, "macro_f1": scores})
        named = {
            "data": "hate",
            "model": "bilstm",
            "cell": cell,
            "settings": given_settings(**fixed),
            "search": "fold 8 (3f2a)",
        }
        (folder / "tuning").mkdir(exist_ok=True)
        table.assign(**named).to_csv(folder / "tuning" / f"{cell}.csv", index=False)
    return folder


def test_the_expected_best_is_the_mean_over_all_draws() -> None:
    scores = [0.5, 0.1, 0.1, 0.9]
    for draws in (1, 2, 3):
        every = [max(drawn) for drawn in itertools.product(scores, repeat=draws)]
        assert expected_best(scores, draws) == pytest.approx(np.mean(every))


def test_tuned_runs_stand_beside_those_with_the_settings_of_trial_0(runs: Path) -> None:
    (comparison,) = comparisons(text_results.read(runs), read_trials(runs))
    assert comparison.tuned == HOW
    assert len(comparison.trials) == 36
    assert len(comparison.fixed_runs) == len(comparison.tuned_runs) == 36
    assert all("_0.001_" in folder for folder in comparison.fixed_runs["folder"])
    gained = gains(comparison).set_index("cell")["improvement"]
    assert gained["C1"] == pytest.approx(100 * (1.1 / 1.4 - 1), abs=2)
    assert gained["C2"] == pytest.approx(50, abs=2)


def test_trials_of_other_searches_and_later_ones_are_none_of_its_own(runs: Path) -> None:
    before = next(comparisons(text_results.read(runs), read_trials(runs))).trials
    for path in sorted((runs / "tuning").glob("*.csv")):
        table = pd.read_csv(path, dtype=str)
        longer = pd.concat([table, table.tail(1).assign(trial="12", macro_f1="0.99")])  # tune=13 after tune=12
        longer.to_csv(path, index=False)
        two_seeds = table.assign(search="2 seeds of fold 8 (3f2a)", macro_f1="0.98")
        two_seeds.to_csv(path.with_stem(f"{path.stem}_two"), index=False)
    (comparison,) = comparisons(text_results.read(runs), read_trials(runs))
    assert comparison.trials["macro_f1"].to_list() == before["macro_f1"].to_list()


def test_searches_that_differ_in_another_setting_are_kept_apart(runs: Path) -> None:
    shorter = {"lr": 0.001, "batch_size": 64, "split_seed": 0, "epochs": 2}
    write_study(runs, ["hate"], ["baseline", "C1"], 2, 6, {}, **shorter)
    write_study(runs, ["hate"], ["baseline", "C1"], 2, 6, {}, **{**shorter, "lr": 0.005, "tuned": HOW})
    for path in sorted((runs / "tuning").glob("*.csv")):
        table = pd.read_csv(path, dtype={"settings": str}).assign(settings=given_settings(**shorter), macro_f1=0.9)
        table.to_csv(path.with_stem(f"A_{path.stem}"), index=False)  # read before the others
    found = list(comparisons(text_results.read(runs), read_trials(runs)))
    assert {len(each.tuned_runs): len(each.fixed_runs) for each in found} == {36: 36, 24: 24}
    assert {len(each.tuned_runs): (each.trials["macro_f1"] == 0.9).all() for each in found} == {36: False, 24: True}


def test_the_table_says_what_tuning_changes(runs: Path, tmp_path: Path) -> None:
    (table,) = tuned_tables(text_results.read(runs), read_trials(runs))
    assert list(table.numbers["cell"]) == ["baseline", "C1", "C2"]
    assert table.notes[-1] == (
        "Tuning changes the verdict: with the given settings, C1 is better than the baseline; tuned, C2 is better than "
        "the baseline."
    )
    row = table.shown.set_index("cell").loc["C2"]
    assert row["best settings"] == "11: lr=0.004 batch_size=64"
    assert row["over the baseline, tuned"].endswith("*")
    assert not row["over the baseline, given"].endswith("*")
    expected = [100 * expected_best([0.5 * k / 12 for k in range(1, 11)], draws) for draws in (1, 5, 10)]
    assert row["expected best of 1, 5, 10"] == " / ".join(f"{value:.1f}" for value in expected)

    archive([runs], tmp_path / "results")
    assert as_text(tmp_path / "results") == as_text(runs)


def test_runs_of_trials_are_in_no_table(runs: Path) -> None:
    before = len(text_results.read(runs))
    write_study(runs / ".trials", ["hate"], ["baseline"], 1, 1, {}, lr=0.5, split_seed=0)
    assert len(text_results.read(runs)) == before
    assert len(text_results.without_result(runs)) == 0
    assert len(text_results.read(runs / ".trials")) == 1


def test_without_tuned_runs_there_is_no_table(tmp_path: Path) -> None:
    write_study(tmp_path, ["hate"], ["baseline"], 1, 1, {})
    assert not list(tuned_tables(text_results.read(tmp_path), read_trials(tmp_path)))
    with pytest.raises(UserError, match="holds no tuned run"):
        as_text(tmp_path)
