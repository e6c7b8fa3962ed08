"""The one handler of the mistakes of users."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import PROJECT
from hydra.errors import OverrideParseException
from study_runs import write_run

from cells import Alteration
from cells.errors import UserError
from conf import mistakes
from conf.checks import check
from conf.compose import composed
from conf.mistakes import exit_on_mistake, message, one_line_errors, report


@pytest.fixture(autouse=True)
def _no_tracebacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mistakes, "TRACEBACKS_WANTED", False)


def fail(error: Exception) -> Callable[[], object]:
    def raising() -> None:
        raise error

    return raising


@pytest.mark.parametrize(
    ("mistake", "says"),
    [
        (fail(UserError("one\n  thing is wrong.")), "Error: one thing is wrong."),
        (lambda: Alteration(current="c * q"), "q"),
        (lambda: check(composed("fold=10")), "Error: fold=10: with n_folds=10 the folds are 0 to 9."),
        (lambda: composed("seeed=1"), "Error: there is no key 'seeed', did you mean 'seed'? python train.py --help"),
        (lambda: composed("data=reuters"), "robo"),
        (lambda: composed("data=3"), "data=3: data= takes a name"),
        (lambda: composed("runs_dir=r ü"), """runs_dir=r ü: put the value in quotes, "runs_dir='r ü'"."""),
        (lambda: composed("cell.o=max(c"), """cell.o=max(c: put the value in quotes, "cell.o='max(c'"."""),
        (
            lambda: composed("series.symbols=[ETH-USD,GC&F]"),
            """: put names with other signs in quotes, "series.symbols=[ETH-USD,'GC&F']".""",
        ),
        (
            lambda: composed("run_dir='r"),
            "run_dir='r: Hydra cannot read this; a quote or bracket that opens must close.",
        ),
    ],
)
def test_a_mistake_ends_the_program_in_one_line(mistake: Callable[[], object], says: str) -> None:
    with pytest.raises(SystemExit) as ended, one_line_errors():
        mistake()
    line = str(ended.value.code)
    assert line.startswith("Error: ")
    assert says in line
    assert "\n" not in line


@pytest.mark.parametrize("path", ["r ü", "it's", "a(b", 'say "it"', "x[1", "$HOME (old)"])
def test_the_advice_on_quoting_works_as_it_stands(path: str) -> None:
    with pytest.raises(OverrideParseException) as refused:
        composed(f"runs_dir={path}")
    typed = message(refused.value).partition("put the value in quotes, ")[2].rstrip(".")
    (override,) = shlex.split(typed)
    assert composed(override).runs_dir == path


@pytest.mark.parametrize(
    "error",
    [ValueError("a defect"), OSError(5, "Input/output error", "disk"), KeyError("a defect"), ZeroDivisionError()],
)
@pytest.mark.parametrize("handler", [one_line_errors, exit_on_mistake])
def test_any_other_error_keeps_its_traceback(handler: Callable, error: Exception) -> None:
    with pytest.raises(type(error)), handler():
        raise error


@pytest.mark.parametrize("handler", [one_line_errors, exit_on_mistake])
def test_who_asks_for_tracebacks_gets_them(handler: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mistakes, "TRACEBACKS_WANTED", True)
    with pytest.raises(UserError), handler():
        raise UserError("wrong")


def test_an_interruption_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, one_line_errors("Stopped."):
        raise KeyboardInterrupt
    assert ended.value.code == 130
    assert capsys.readouterr().err == "\nStopped.\n"


def test_a_report_begins_with_the_line_and_ends_with_the_traceback() -> None:
    try:
        raise ZeroDivisionError("no\nway")
    except ZeroDivisionError as error:
        line, text = message(error), report(error)
    first, empty, *rest = text.splitlines()
    assert first == line == "ZeroDivisionError: no way"
    assert empty == ""
    assert rest[0].startswith("Traceback")
    assert Path(__file__).name in rest[1]


@pytest.mark.processes
@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("train.py", "cell='\udce9\x1b[31m'"), "there is no cell '\\udce9\\x1b[31m', did you mean"),
        (("train.py", "data=robo", "runs_dir='r\udcff'", "epochs=1"), "runs_dir=r\\udcff: give a name in UTF-8"),
        (("-m", "analysis", "summary", "r\udcff"), "r\\udcff/x is no name in UTF-8"),
        (("predict.py", "no\udce9\x1b[31m", "text"), "there is no folder no\\udce9\\x1b[31m;"),
    ],
)
def test_any_character_is_printed_where_only_ascii_is_known(
    command: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    write_run(tmp_path / "r\udcff" / "x", [0.5] * 5)
    first = str(PROJECT / command[0]) if command[0] != "-m" else "-m"
    ascii_alone = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": str(PROJECT)}
    started = [sys.executable, first, *command[1:]]
    done = subprocess.run(started, cwd=tmp_path, env=os.environ | ascii_alone, capture_output=True, check=False)
    said = done.stderr.decode("ascii")
    assert done.returncode == 1, said
    assert said.startswith("Error: ")
    assert said.count("\n") == 1
    assert says in said
