"""The one handler of the mistakes of users."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import PROJECT
from hydra.core.override_parser.overrides_parser import OverridesParser
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
        (lambda: composed("runs_dir=r ü"), """runs_dir=r ü: put the value in quotes, "runs_dir='r ü'\""""),
        (lambda: composed("cell.o=max(c"), """cell.o=max(c: put the value in quotes, "cell.o='max(c'\""""),
        (
            lambda: composed("series.symbols=[ETH-USD,GC&F]"),
            """: put names with other signs in quotes, "series.symbols=[ETH-USD,'GC&F']\"""",
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


def split_by_the_shell(typed: str) -> list[str]:
    """The arguments that a command gets if this is typed behind its name."""
    printed = subprocess.run(["sh", "-c", f"printf '%s\\0' {typed}"], capture_output=True, check=True).stdout
    return os.fsdecode(printed).split("\0")[:-1]


def refused(words: list[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """The line that answers a command with these arguments."""
    monkeypatch.setattr(sys, "argv", ["train.py", *words])
    with pytest.raises(OverrideParseException) as caught:
        composed(*words)
    return message(caught.value)


@pytest.mark.parametrize(
    "path", ["r ü", "it's", "a(b", 'say "it"', "x[1", "$HOME (old)", "a  (b", "ü\\", "ü\\'", "`ü`", "ü!"]
)
def test_the_advice_on_quoting_works_as_it_stands(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    line = refused([f"runs_dir={path}"], monkeypatch)
    (override,) = split_by_the_shell(line.partition("put the value in quotes, ")[2])
    assert composed(override).runs_dir == path


@pytest.mark.parametrize(
    ("typed", "key", "value"),
    [
        ("data=robo epochs=1 runs_dir=scratch/r ü x", "runs_dir", "scratch/r ü x"),
        ("runs_dir=r x", "runs_dir", "r x"),
        ("runs_dir=r x seed=1", "runs_dir", "r x"),
        ("data=robo runs_dir=it\\'s ü", "runs_dir", "it's ü"),
        ("runs_dir=r \\$HOME", "runs_dir", "r $HOME"),
        ("'cell.o=sigmoid(a_o' + 'c)'", "cell.o", "sigmoid(a_o + c)"),
        ("features=csv series.symbols=[ETH-USD, BTC-USD]", "series.symbols", ["ETH-USD", "BTC-USD"]),
        ("series.symbols=[ETH-USD, 'GC&F]'", "series.symbols", ["ETH-USD", "GC&F"]),
    ],
)
def test_an_override_that_the_shell_took_apart_is_put_together(
    typed: str, key: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = refused(split_by_the_shell(typed), monkeypatch)
    advice = line.rpartition("quotes, " if "in quotes, " in line else "quote the whole: ")[2]
    (override,) = split_by_the_shell(advice)
    found = OverridesParser.create().parse_override(override)
    got = found.value()
    assert found.key_or_group == key
    assert [str(each) for each in got] == value if isinstance(got, list) else str(got) == value


def test_a_word_before_any_key_is_refused_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    line = refused(["robo", "x"], monkeypatch)
    assert line == "robo: no key= before it; python train.py --help lists the keys."


@pytest.mark.processes
@pytest.mark.parametrize("options", ["", "-m"])
def test_what_the_shell_took_apart_works_when_typed_as_advised(options: str, tmp_path: Path) -> None:
    train = shlex.join([sys.executable, str(PROJECT / "train.py")])

    def typed(words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(f"{train} {words}", shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)

    said = typed(f"runs_dir=scratch/r {options} ü x data=robo").stderr
    advice = """"runs_dir='scratch/r ü x'\""""
    belongs = "ü: no key= before it; if it belongs to runs_dir=scratch/r, quote the whole: "
    assert said == f"Error: {belongs}{advice}\n"
    assert (
        "runs_dir: scratch/r ü x"
        in typed(f"data=robo {said.strip().removeprefix('Error: ' + belongs)} --cfg job").stdout
    )


@pytest.mark.processes
@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            ("-m", "--cfg", "job"),
            "Only one of --run, --multirun, --cfg, --info and --shell_completion can be specified.",
        ),
        (("--resolve",), "The --resolve flag can only be used in conjunction with --cfg or --help."),
    ],
)
def test_options_that_do_not_go_together(options: tuple[str, ...], says: str, tmp_path: Path) -> None:
    command = [sys.executable, PROJECT / "train.py", "data=robo", *options]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, f"Error: {says}\n")


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
