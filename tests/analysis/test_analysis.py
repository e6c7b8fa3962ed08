"""`python -m analysis summary`, and what is read of damaged runs."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from study_runs import write_run

from analysis.results import ResultsError, kinds, read, unfinished
from analysis.summary import summary


def run(folder: Path, cell: str, seed: int, micro: float, **about: object) -> Path:
    return write_run(folder, [0.9, 0.8, 0.3, micro, 0.5], cell, seed=seed, **about)


def test_summary_is_the_mean_of_the_test_rows_of_each_cell(tmp_path: Path) -> None:
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


def test_runs_with_other_settings_are_not_averaged(tmp_path: Path) -> None:
    run(tmp_path / "a", "C1", 0, 0.5)
    run(tmp_path / "b", "C1", 1, 0.7, settings="b2", epochs=9)
    rows = [line.split() for line in summary(tmp_path).splitlines()[1:]]
    assert [row[4] for row in rows] == ["1", "1"]
    assert rows[1][2] == "b2"


def test_summary_refuses_a_copied_run(tmp_path: Path) -> None:
    run(tmp_path / "a", "C1", 0, 0.5)
    shutil.copytree(tmp_path / "a", tmp_path / "copy")
    with pytest.raises(ResultsError, match="hold the same run"):
        summary(tmp_path)


@pytest.mark.parametrize("beside", [True, False])
def test_summary_names_the_cells_without_a_result(tmp_path: Path, beside: bool) -> None:
    if beside:
        run(tmp_path / "a", "baseline", 0, 0.5)
    for seed in (0, 1):
        failed = run(tmp_path / f"c{seed}", "C4", seed, 0.5, finished=False)
        (failed / "failed").write_text("the loss is nan\nTraceback\n")
    last = summary(tmp_path).splitlines()[-1]
    assert last.startswith("No result of 2 fits of hate bilstm ")
    assert last.endswith(" C4: the loss is nan")


# Damaged runs


@pytest.mark.parametrize("damage", ["missing", "empty", "no rows"])
def test_a_finished_run_without_its_metrics_is_listed_and_stops_nobody(tmp_path: Path, damage: str) -> None:
    run(tmp_path / "a", "baseline", 0, 0.5)
    metrics = run(tmp_path / "b", "C1", 0, 0.5) / "metrics.csv"
    text = {"empty": "", "no rows": metrics.read_text().splitlines()[0] + "\n"}
    metrics.unlink()
    if damage in text:
        metrics.write_text(text[damage])
    assert set(read(tmp_path)["cell"]) == {"baseline"}
    assert kinds(tmp_path) == {"data"}
    (row,) = unfinished(tmp_path).to_dict("records")
    assert (row["cell"], row["seed"]) == ("C1", 0)
    assert "metrics.csv is missing or empty: remove that run's folder" in row["error"]


def test_results_of_an_unknown_run_are_one_line(tmp_path: Path) -> None:
    (run(tmp_path / "a", "baseline", 0, 0.5) / "config.yaml").unlink()
    with pytest.raises(ResultsError, match=r"a has results and no config\.yaml.*remove the folder"):
        read(tmp_path)


def test_a_failed_run_alone_is_a_run(tmp_path: Path) -> None:
    run(tmp_path / "a", "C4", 0, 0.5, finished=False)
    assert kinds(tmp_path) == set()


@pytest.mark.parametrize(("folder", "says"), [("empty", "no finished run"), ("nowhere", "not a folder")])
def test_nothing_to_read_is_one_sentence(tmp_path: Path, folder: str, says: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ResultsError, match=says):
        read(tmp_path / folder)


def test_command_line(tmp_path: Path) -> None:
    run(tmp_path / "a", "baseline", 0, 0.5)
    command = [sys.executable, "-m", "analysis", "summary"]
    done = subprocess.run([*command, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "baseline" in done.stdout
    failed = subprocess.run([*command, tmp_path / "no"], capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert failed.stderr.count("\n") == 1
    assert failed.stderr.startswith("Error: ")


@pytest.mark.parametrize("command", ["tables", "report"])
@pytest.mark.parametrize("output", ["afile", "/proc/x"])
def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, command: str, output: str) -> None:
    run(tmp_path / "a", "baseline", 0, 0.5)
    (tmp_path / "afile").write_text("")
    given = [sys.executable, "-m", "analysis", command, str(tmp_path), "-o", str(tmp_path / output)]
    done = subprocess.run(given, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "cannot be written" in done.stderr
    assert "-o" in done.stderr
