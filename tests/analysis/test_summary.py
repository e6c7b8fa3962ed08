"""`python -m analysis summary`."""

import re
import shutil
from pathlib import Path

import pytest
from report_runs import write_market_run, write_series_run
from study_runs import write_run

from analysis.summary import summary
from cells.errors import UserError


def run(folder: Path, cell: str, seed: int, micro: float, **about: object) -> Path:
    return write_run(folder, [0.9, 0.8, 0.3, micro, 0.5], cell, seed=seed, **about)


def test_a_row_is_the_mean_over_the_test_rows_of_a_cell(tmp_path: Path) -> None:
    run(tmp_path / "a", "baseline", 0, 0.5)
    run(tmp_path / "b", "baseline", 1, 0.6)
    run(tmp_path / "c", "C1", 0, 0.7)
    run(tmp_path / "d", "C1", 1, 0.1, finished=False)
    lines = summary(tmp_path).splitlines()
    header, rows = lines[0].split(), [line.split() for line in lines[1:3]]
    assert [(row[3], row[4], row[header.index("micro_f1")]) for row in rows] == [
        ("baseline", "2", "55.0"),
        ("C1", "1", "70.0"),
    ]


def test_runs_with_different_settings_are_not_averaged(tmp_path: Path) -> None:
    run(tmp_path / "a", "C1", 0, 0.5)
    run(tmp_path / "b", "C1", 1, 0.7, settings="b2", epochs=9)
    rows = [line.split() for line in summary(tmp_path).splitlines()[1:]]
    assert [row[4] for row in rows] == ["1", "1"]
    assert rows[1][2] == "b2"
    assert rows[1][-1] == "epochs=9"


def test_a_copied_run_is_refused(tmp_path: Path) -> None:
    run(tmp_path / "a", "C1", 0, 0.5)
    shutil.copytree(tmp_path / "a", tmp_path / "copy")
    with pytest.raises(UserError, match="hold the same run"):
        summary(tmp_path)


FAULTS = {
    "a score is not a number": (r",0\.8,", ",nan,", "metrics.csv has nan for top1 in the test row"),
    "a score is infinite": (r",0\.8,", ",inf,", "metrics.csv has inf for top1 in the test row"),
    "a score is no share": (r",0\.8,", ",1.8,", "metrics.csv has '1.8' for top1 in the test row"),
    "a score is negative": (r",0\.8,", ",-0.8,", "metrics.csv has '-0.8' for top1 in the test row"),
    "a score is empty": (r",0\.8,", ",,", "metrics.csv has '' for top1 in the test row"),
    "a score is a text": (r",0\.8,", ",0.8x,", "metrics.csv has '0.8x' for top1 in the test row"),
    "the seconds are a text": (r",10,", ",fast,", "metrics.csv has 'fast' for seconds in the val row"),
    "the test row twice": (r"(\n[^\n]*,test,[^\n]*)", r"\1\1", "metrics.csv has the test row 2 times"),
    "no test row": (r"\n[^\n]*,test,[^\n]*", "", "metrics.csv has no row of the test part"),
    "no validation row": (r"\n[^\n]*,val,[^\n]*", "", "metrics.csv has no row of the val part"),
    "a row was cut": (r",0\.5\n$", "", "values for "),
    "no split": ("split", "part", "metrics.csv has no column split"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_run_with_a_fault_counts_in_no_mean_and_is_named(tmp_path: Path, fault: str) -> None:
    pattern, instead, says = FAULTS[fault]
    for seed in range(3):
        metrics = run(tmp_path / str(seed), "C1", seed, 0.3 + seed / 10) / "metrics.csv"
    text = metrics.read_text()
    metrics.write_text(re.sub(pattern, instead, text))
    assert metrics.read_text() != text
    header, row, last = (line.split(maxsplit=15) for line in summary(tmp_path).splitlines())
    assert (row[header.index("fits")], row[header.index("micro_f1")]) == ("2", "35.0")
    assert " ".join(last).startswith("No result of 1 fit of hate bilstm ")
    assert says in " ".join(last)
    assert " ".join(last).endswith("remove that run's folder and repeat its command")


@pytest.mark.parametrize("beside", [True, False])
def test_cells_without_a_result_are_named(tmp_path: Path, beside: bool) -> None:
    if beside:
        run(tmp_path / "a", "baseline", 0, 0.5)
    for seed in (0, 1):
        failed = run(tmp_path / f"c{seed}", "C4", seed, 0.5, finished=False)
        (failed / "failed").write_text("the loss is nan\nTraceback\n")
    last = summary(tmp_path).splitlines()[-1]
    assert last.startswith("No result of 2 fits of hate bilstm ")
    assert last.endswith(" C4: the loss is nan")


def test_runs_that_diverged_in_other_epochs_are_one_line(tmp_path: Path) -> None:
    for seed in range(3):
        failed = run(tmp_path / f"c{seed}", "C4", seed, 0.5, finished=False)
        (failed / "failed").write_text(f"the loss is nan in epoch {2 + seed}; try a smaller lr.\nTraceback\n")
    assert summary(tmp_path).splitlines()[0].endswith(" C4: the loss is nan in epochs 2 to 4; try a smaller lr.")


def test_forecasters_are_summarised_too(tmp_path: Path) -> None:
    for fold, rmse in enumerate((0.02, 0.04)):
        write_series_run(tmp_path / str(fold), rmse, fold=fold)
    header, row = (line.split() for line in summary(tmp_path).splitlines())
    shown = dict(zip(header, row, strict=True))
    assert (shown["features"], shown["fits"], shown["rmse"], shown["relative_rmse"]) == (
        "flow",
        "2",
        "0.0300",
        "1.5000",
    )


def test_no_mean_is_over_forecasters_of_other_settings(tmp_path: Path) -> None:
    write_market_run(tmp_path / "a", 0.02, settings="real")
    write_market_run(tmp_path / "b", 0.04, settings="made up", source="synthetic")
    write_market_run(tmp_path / "c", 0.06, settings="control", control="shuffled")
    header, *rows = (line.split() for line in summary(tmp_path).splitlines())
    assert [row[-4] for row in rows] == ["0.0200", "0.0400", "0.0600"]
    assert header[-4] == "rmse"


def test_a_forecaster_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    for name in "ab":
        write_market_run(tmp_path / name, 0.02)
    with pytest.raises(UserError, match="hold the same run"):
        summary(tmp_path)
