"""The table that says of each cell whether it helps on a series of the user's own."""

from pathlib import Path

import pytest
from report_runs import write_series_run

from analysis.tables.effect_table import BETTER, OPEN, WORSE
from analysis.tables.market_tables import as_text, market_tables
from analysis.tables.series_effect_table import NAME, NO_ERROR, ONE_UNIT
from analysis.tables.table import Table

FACTORS = {"baseline": 1.0, "C1": 0.5, "C2": 2.0, "C3": 1.0}


def write_study(runs: Path, seeds: int, folds: int, factors: dict[str, float] = FACTORS) -> None:
    """A study in which cells differ from the baseline by a factor, and a little by seed and fold."""
    for place, (cell, factor) in enumerate(factors.items()):
        for seed in range(seeds):
            for fold in range(folds):
                rmse = 0.02 * factor * (1 + ((7 * place + 3 * seed + 5 * fold) % 4) / 100)
                write_series_run(runs / f"{cell}{seed}{fold}", rmse, cell=cell, seed=seed, fold=fold, settings=cell)


def effects(runs: Path) -> Table:
    return next(table for table in market_tables(runs) if table.name == NAME)


def test_a_word_for_each_cell_and_what_would_have_been_told(tmp_path: Path) -> None:
    write_study(tmp_path, 2, 4)
    table = effects(tmp_path)
    rows = table.numbers.set_index("cell")
    assert dict(rows["verdict"]) == {"C1": BETTER, "C2": WORSE, "C3": OPEN}
    assert rows["change"]["C1"] == pytest.approx(-50, abs=3)
    assert rows["change_mae"]["C2"] == pytest.approx(100, abs=6)
    assert rows["detectable"].between(0.1, 20).all()
    shown = table.shown.set_index("cell").loc["C1"]
    assert (shown["series"], shown["model"], shown["unit"]) == ("flow", "lstm", "fold: 4, of 2 seeds")
    assert shown["RMSE, %"].startswith("-")
    text = as_text(tmp_path)
    assert "Series: flow (volume), walk_forward, window 12, horizon 1" in text
    assert "Bitcoin" not in text


def test_with_one_pair_there_is_no_test(tmp_path: Path) -> None:
    write_study(tmp_path, 1, 1, {"baseline": 1.0, "C1": 0.5})
    shown = effects(tmp_path).shown.iloc[0]
    assert (shown["verdict"], shown["p"], shown["detectable, %"]) == (ONE_UNIT, "-", "-")


def test_where_an_error_is_0_no_percent_is_invented(tmp_path: Path) -> None:
    write_study(tmp_path, 2, 1, {"baseline": 0.0, "C1": 0.5})
    assert effects(tmp_path).shown["verdict"].tolist() == [NO_ERROR]


def test_the_baseline_alone_has_no_such_table(tmp_path: Path) -> None:
    write_study(tmp_path, 1, 1, {"baseline": 1.0})
    assert NAME not in [table.name for table in market_tables(tmp_path)]
