"""`python -m analysis` itself: one process for each command that no other test starts, the rest in this one."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PROJECT
from study_runs import write_run, write_study

from analysis.__main__ import main

ANALYSIS = [sys.executable, "-W", "error", "-m", "analysis"]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*ANALYSIS, *arguments], cwd=PROJECT, capture_output=True, text=True, check=False)


def refused(*arguments: object) -> str:
    """The one line with which a command ends that cannot do its work."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert isinstance(ended.value.code, str)  # Python prints it to stderr and ends with exit code 1
    assert ended.value.code.startswith("Error: ")
    assert "\n" not in ended.value.code
    return ended.value.code


@pytest.mark.processes
def test_summary(tmp_path: Path) -> None:
    write_run(tmp_path / "a", [0.5] * 5)
    done = run("summary", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "baseline" in done.stdout


@pytest.mark.processes
def test_a_reader_that_has_ended_is_no_error(tmp_path: Path) -> None:
    write_run(tmp_path / "a", [0.5] * 5)
    with subprocess.Popen(
        [*ANALYSIS, "summary", tmp_path], cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()  # as `| true` does
        assert process.stderr.read() == ""
    assert process.returncode == 0


@pytest.mark.processes
def test_a_mistake_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    done = run("summary", tmp_path / "no")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{refused('summary', tmp_path / 'no')}\n"


@pytest.mark.processes
def test_tables(tmp_path: Path) -> None:
    write_study(tmp_path / "runs", ["hate"], ["baseline", "C1"], 2, 1, {})
    done = run("tables", tmp_path / "runs", "-o", tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, "")
    assert "### Table 8: hate, bilstm" in done.stdout
    assert (tmp_path / "out" / "tables.md").read_text() == done.stdout
    assert (tmp_path / "out" / "table08_hate_bilstm.tex").exists()


@pytest.mark.parametrize("command", ["tables", "report"])
def test_where_there_are_no_runs_nothing_is_written(tmp_path: Path, command: str) -> None:
    assert "is not a folder" in refused(command, tmp_path / "no", "-o", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["tables", "report"])
@pytest.mark.parametrize("output", ["afile", "/proc/x"])
def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path, command: str, output: str) -> None:
    write_run(tmp_path / "a", [0.5] * 5)
    (tmp_path / "afile").write_text("")
    error = refused(command, tmp_path, "-o", tmp_path / output)
    assert "cannot be written" in error
    assert "-o" in error


def test_the_placebo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_study(tmp_path, ["hate"], ["baseline", "C1"], 2, 2, {})
    assert "holds no placebo with two splits" in refused("placebo", tmp_path)
    write_study(tmp_path, ["hate"], ["placebo"], 2, 2, {})
    main(["placebo", str(tmp_path)])
    assert "false alarms" in capsys.readouterr().out
