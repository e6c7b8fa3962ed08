"""Which runs a study consists of: its settings, and what is missing, failed or there twice."""

import shutil
from pathlib import Path

import pytest
from study_runs import write_run, write_study

from analysis.study import results, text_results
from analysis.study.design import design_of
from analysis.tables.all_tables import all_tables
from cells.errors import UserError

CELLS = ("baseline", "C1", "C2", "H2")


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """4 cells on HATE and ROBO, 3 seeds x 2 folds."""
    write_study(tmp_path / "runs", ["hate", "robo"], CELLS, 3, 2, {})
    return tmp_path / "runs"


def run_of(folder: Path, cell: str, seed: int, fold: int) -> Path:
    return folder / "hate" / "bilstm" / cell / f"seed{seed}_fold{fold}"


def test_a_complete_design(runs: Path) -> None:
    design = design_of(text_results.read(runs))
    assert design.missing.empty
    counted = design.groups[["data", "cells", "seeds", "folds", "runs"]].to_numpy().tolist()
    assert counted == [["hate", 4, 3, 2, 24], ["robo", 4, 3, 2, 24]]


def test_a_run_that_is_gone_is_named(runs: Path) -> None:
    shutil.rmtree(run_of(runs, "C2", 1, 0))
    missing = design_of(text_results.read(runs)).missing
    assert missing[["data", "model", "cell", "seed", "fold"]].to_numpy().tolist() == [["hate", "bilstm", "C2", 1, 0]]


def test_a_copied_run_is_refused_by_both_names(runs: Path) -> None:
    copy = runs / "copy"
    shutil.copytree(run_of(runs, "C2", 1, 0), copy)
    with pytest.raises(UserError, match=r"hold the same run \(data hate, .*cell C2, seed 1, fold 0\)") as error:
        next(all_tables(runs))
    assert str(copy) in str(error.value)
    assert str(run_of(runs, "C2", 1, 0)) in str(error.value)


def test_failed_and_interrupted_runs_have_their_error(runs: Path) -> None:
    failed = run_of(runs, "H2", 2, 1)
    (failed / "finished").unlink()
    (failed / "failed").write_text("the loss is NaN in epoch 3; lower lr\n\nTraceback\n")
    write_run(runs / "interrupted", [0.5] * 5, "c * relu(o)", finished=False, model="bert", settings="z")
    found = results.without_result(runs).set_index("model")[["data", "cell", "seed", "fold", "error"]]
    assert found.loc["bilstm"].tolist() == ["hate", "H2", 2, 1, "the loss is NaN in epoch 3; lower lr"]
    assert found.loc["bert"].tolist() == ["hate", "c = c * relu(o)", 0, 0, "unfinished"]


def test_runs_without_their_configuration_are_refused(runs: Path) -> None:
    for config in runs.rglob("config.yaml"):
        config.unlink()
    with pytest.raises(UserError, match=r"config\.yaml"):
        next(all_tables(runs))


def test_a_recipe_names_the_settings_that_differ_within_a_model(tmp_path: Path) -> None:
    for number, (model, epochs) in enumerate([("bilstm", 4), ("bilstm", 10), ("bert", 3)]):
        write_run(tmp_path / f"{number}", [0.5] * 5, model=model, epochs=epochs, settings=f"s{number}")
    recipe = text_results.read(tmp_path).groupby("settings")["recipe"].unique().map(list).to_dict()
    assert recipe == {"s0": ["epochs=4"], "s1": ["epochs=10"], "s2": [""]}


@pytest.mark.parametrize(
    ("epoch", "patience", "epochs", "trained"),
    [(3, 5, 40, 9), (3, 5, 8, 8), (3, None, 8, 8), (7, 5, 8, 8)],
)
def test_seconds_per_epoch_are_over_all_epochs_that_were_trained(
    tmp_path: Path, epoch: int, patience: object, epochs: int, trained: int
) -> None:
    write_run(tmp_path / "a", [0.5] * 5, seconds=72, epoch=epoch, patience=patience, epochs=epochs)
    assert text_results.read(tmp_path)["epoch_seconds"].tolist() == [72 / trained]


def test_a_fingerprint_is_read_as_text_even_if_it_looks_like_a_number(tmp_path: Path) -> None:
    write_run(tmp_path / "a", [0.5] * 5, settings="74258e47")
    write_run(tmp_path / "b", [0.5] * 5, settings="00123456", data="mlma")
    assert sorted(text_results.read(tmp_path)["settings"]) == ["00123456", "74258e47"]
