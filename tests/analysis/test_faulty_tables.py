"""Finished runs with a fault in one of their tables: they are named, and count in no mean."""

import re
from pathlib import Path

import pandas as pd
import pytest
from report_runs import write_market_run, write_series_run
from table_damage import DAMAGE, SCORES, damaged

from analysis.study.trials import read_trials
from analysis.summary import summary
from analysis.tables.all_tables import all_tables
from analysis.tables.market_tables import as_text
from cells.errors import UserError

MENDS = "remove that run's folder and repeat its command"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three runs on a series; the last one's numbers are far from the others'."""
    for seed, rmse in enumerate((0.02, 0.04, 0.9)):
        write_series_run(tmp_path / str(seed), rmse, seed=seed)
    return tmp_path


@pytest.mark.parametrize("table", SCORES)
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_run_with_a_damaged_table_counts_in_no_mean_and_is_named(runs: Path, table: str, damage: str) -> None:
    says = damaged(runs / "2" / f"{table}.csv", damage)
    header, row, named = summary(runs).splitlines()
    shown = dict(zip(header.split(), row.split(), strict=True))
    assert (shown["fits"], shown["rmse"]) == ("2", "0.0300")
    assert f"finished, but its {says}" in named
    assert named.endswith(MENDS)
    (missing, *_, of_series) = all_tables(runs)
    (error,) = missing.numbers["error"]
    assert f"finished, but its {says}" in error
    numbers = of_series.numbers.set_index("forecast")
    assert numbers.loc["lstm baseline", ["runs", "relative_rmse"]].tolist() == [2, 1.5]


@pytest.mark.parametrize("table", ["baselines", "intervals"])
def test_a_table_that_was_cut_between_two_rows_is_found(runs: Path, table: str) -> None:
    path = runs / "0" / f"{table}.csv"
    pd.read_csv(path).iloc[:-1].to_csv(path, index=False)
    assert f"its {table}.csv has no row of the forecast seasonal, which predictions.csv has" in summary(runs)


@pytest.mark.parametrize(
    ("table", "column", "value", "says"),
    [
        (
            "baselines",
            "relative_rmse",
            "",
            "baselines.csv has '' for relative_rmse in line 11, and metrics.csv",
        ),
        ("baselines", "forecast", "reef", "baselines.csv has no row of the forecast seasonal"),
        ("baselines", "split", "tset", "baselines.csv has 'tset' for split in line 11, unlike metrics.csv"),
        ("predictions", "day", "soon", "predictions.csv has 'soon' for day in line 3"),
        ("predictions", "day", "2020-01-01", "predictions.csv has the row in line 3 twice"),
        ("metrics", "relative_rmse", "nan", "metrics.csv has nan for relative_rmse in the test row"),
    ],
)
def test_a_value_that_would_change_or_stop_a_table_is_named(
    runs: Path, table: str, column: str, value: str, says: str
) -> None:
    path = runs / "0" / f"{table}.csv"
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    rows.loc[rows.index[-1], column] = value
    rows.to_csv(path, index=False)
    assert f"finished, but its {says}" in summary(runs)


@pytest.mark.parametrize(
    ("table", "old", "new", "says"),
    [
        ("metrics", ",rmse,", ",seed,", "metrics.csv has two columns seed"),
        ("baselines", ",rmse,", ",mae,", "baselines.csv has two columns mae"),
        ("predictions", "truth", "tr\0th", "predictions.csv has a NUL character"),
        ("metrics", "(.*)\n(.*)\n(.*)\n$", r"\1\n\3\n\2\n", "metrics.csv ends with the val row"),
        ("intervals", r"0\.9", "-0.9", "intervals.csv has '-0.9' for level in line"),
    ],
)
def test_a_table_that_cannot_be_right_is_named(runs: Path, table: str, old: str, new: str, says: str) -> None:
    path = runs / "0" / f"{table}.csv"
    content, found = re.subn(old, new, path.read_text(), count=1)
    assert found == 1, content
    path.write_text(content)
    assert f"finished, but its {says}" in summary(runs)


def test_the_tables_of_the_market_name_a_run_that_they_leave_out(tmp_path: Path) -> None:
    for seed in (0, 1):
        write_market_run(tmp_path / str(seed), 0.03, seed=seed)
    says = damaged(tmp_path / "1" / "baselines.csv", "text")
    assert as_text(tmp_path).splitlines()[-1].startswith(f"{tmp_path / '1'} is finished, but its {says}")
    damaged(tmp_path / "0" / "predictions.csv", "no file")
    with pytest.raises(UserError, match=r"with features= whose tables are whole: .*0 is finished, but"):
        as_text(tmp_path)


def test_a_market_run_of_an_older_version_needs_no_intervals(tmp_path: Path) -> None:
    write_market_run(tmp_path / "a", 0.03)
    assert not (tmp_path / "a" / "intervals.csv").exists()
    assert len(summary(tmp_path).splitlines()) == 2


@pytest.mark.parametrize("damage", [name for name in DAMAGE if name != "no file"])
def test_a_damaged_table_of_trials_is_refused_in_one_line(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "tuning" / "trials.csv"
    path.parent.mkdir()
    search = {"data": "hate", "model": "bilstm", "cell": "C1", "settings": "12345e67", "search": "fold 8 (3f2a)"}
    pd.DataFrame([{**search, "trial": 0, "lr": 0.001, "macro_f1": 0.5}]).to_csv(path, index=False)
    assert read_trials(tmp_path)["macro_f1"].tolist() == [0.5]
    says = damaged(path, damage)
    with pytest.raises(UserError) as refused:
        read_trials(tmp_path)
    assert f"{path.parent}/{says}" in str(refused.value)
    assert str(refused.value).endswith(": remove it.")
