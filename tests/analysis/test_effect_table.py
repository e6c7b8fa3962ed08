"""The table that says of each cell whether it helps, and what is left out where the paper's data sets are not."""

from pathlib import Path

import pytest
from study_runs import write_study

from analysis.statistics.improvements import improvements
from analysis.study import text_results
from analysis.tables.all_tables import all_tables
from analysis.tables.effect_table import BETTER, NAME, NO_PERCENT, OPEN, UNTESTED, WORSE, effect_table

GAINS = {"C1": 0.2, "C2": -0.2, "C3": 0.0}


def test_a_word_for_each_cell_and_what_would_have_been_told(tmp_path: Path) -> None:
    write_study(tmp_path, ["reviews"], ["baseline", "placebo", *GAINS], 4, 3, GAINS)
    improved = improvements(text_results.read(tmp_path))
    (table,) = effect_table(improved)
    rows = table.numbers.set_index("cell")
    assert dict(rows["verdict"]) == {"C1": BETTER, "C2": WORSE, "C3": OPEN, "placebo": OPEN}
    assert (rows["tests"][["C1", "C2", "C3"]] == 3).all()
    assert rows["tests"]["placebo"] == 1
    assert rows["detectable"].between(0.5, 10).all()
    macro = improved[improved["metric"] == "macro_f1"].set_index("cell")
    assert rows["improvement"]["C1"] == pytest.approx(macro["improvement"]["C1"])
    assert table.shown.set_index("cell")["macro-F1, %"]["C1"].startswith("+")


def test_with_one_split_there_is_no_test(tmp_path: Path) -> None:
    write_study(tmp_path, ["reviews"], ["baseline", "C1"], 1, 1, GAINS)
    (table,) = effect_table(improvements(text_results.read(tmp_path)))
    assert table.shown.iloc[0].to_dict() | {"macro-F1, %": "", "accuracy, %": ""} == {
        **{"data": "reviews", "model": "bilstm", "cell": "C1", "verdict": UNTESTED},
        **{"macro-F1, %": "", "accuracy, %": "", "n": "1", "would have told, %": "-"},
    }


def test_there_is_no_percent_of_a_baseline_that_scores_0(tmp_path: Path) -> None:
    write_study(tmp_path, ["reviews"], ["baseline", "C1"], 3, 3, {"C1": 0.2})
    results = text_results.read(tmp_path)
    results.loc[results["cell"] == "baseline", "macro_f1"] = 0.0
    (table,) = effect_table(improvements(results))
    shown = table.shown.set_index("cell").loc["C1"]
    assert shown["verdict"] == NO_PERCENT
    assert (shown["macro-F1, %"], shown["would have told, %"]) == ("-", "-")
    assert shown["accuracy, %"].startswith("+")


def test_sets_of_ones_own_have_no_tables_of_the_paper(tmp_path: Path) -> None:
    write_study(tmp_path, ["reviews"], ["baseline", "C1"], 2, 2, GAINS)
    found = {table.name: table for table in all_tables(tmp_path)}
    assert next(iter(found)) == NAME
    assert not [name for name in found if name.startswith(("table1", "verdicts", "averages"))]
    (own,) = (table for name, table in found.items() if name.startswith("cells_reviews"))
    assert not any("- / " in text or "Paper" in text for text in [*own.shown["Accuracy"], *own.notes])


def test_claims_without_runs_are_counted_and_not_shown(tmp_path: Path) -> None:
    write_study(tmp_path, ["hate"], ["baseline", "C1"], 2, 2, GAINS)
    verdicts = {table.name: table for table in all_tables(tmp_path)}["verdicts"]
    without = int((verdicts.numbers["n"] == 0).sum())
    assert 0 < without < len(verdicts.numbers)
    assert len(verdicts.shown) == len(verdicts.numbers) - without
    assert f"{without} more claims are about runs that are not here." in verdicts.notes
