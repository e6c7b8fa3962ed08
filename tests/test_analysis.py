import subprocess
import sys
from pathlib import Path

import pytest

from analysis.results import ResultsError, read
from analysis.summary import summary

HEADER = (
    "data,model,settings,cell,seed,fold,seconds,parameters,split,accuracy,top1,macro_f1,micro_f1,weighted_f1,loss\n"
)


def run(folder: Path, cell: str, seed: int, micro: float, finished: bool = True, settings: str = "a1") -> None:
    folder.mkdir(parents=True)
    row = f"robo,bilstm,{settings}," + "{cell},{seed},0,2.0,1000,{split},0.9,0.8,0.3,{micro},0.5,0.2\n"
    rows = [
        row.format(cell=cell, seed=seed, split=split, micro=value) for split, value in (("val", 0.99), ("test", micro))
    ]
    (folder / "metrics.csv").write_text(HEADER + "".join(rows))
    if finished:
        (folder / "finished").write_text("{}")


def test_summary_is_the_mean_of_the_test_rows_of_each_cell(tmp_path: Path) -> None:
    run(tmp_path / "a", "baseline", 0, 0.5)
    run(tmp_path / "b", "baseline", 1, 0.6)
    run(tmp_path / "c", "C1", 0, 0.7)
    run(tmp_path / "d", "C1", 1, 0.1, finished=False)
    lines = summary(read(tmp_path)).splitlines()
    header, rows = lines[0].split(), [line.split() for line in lines[1:]]
    assert [(row[3], row[4], row[header.index("micro_f1")]) for row in rows] == [
        ("baseline", "2", "55.0"),
        ("C1", "1", "70.0"),
    ]


def test_runs_with_other_settings_are_not_averaged(tmp_path: Path) -> None:
    run(tmp_path / "a", "C1", 0, 0.5)
    run(tmp_path / "b", "C1", 1, 0.7, settings="b2")
    rows = [line.split() for line in summary(read(tmp_path)).splitlines()[1:]]
    assert [(row[2], row[4]) for row in rows] == [("a1", "1"), ("b2", "1")]


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
