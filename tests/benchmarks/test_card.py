"""The script for a machine with a GPU: here with none, and with a Python that only says there is one."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import PROJECT

from conf.compose import composed

SCRIPT = "benchmarks/card.sh"
PARTS = ["kernels", "gpu", "tests", "fits_hate", "run", "fits_mlma", "fits_robo", "market"]

PYTHON = """#!/bin/sh
case "$*" in
    -c*) echo "Some card" ;;
    *"-m pytest"*) echo "no test failed"; exit 0 ;;
    *"benchmarks gpu"*) echo "out of memory" >&2; exit 3 ;;
    *) echo "$@" ;;
esac
"""

COLLECTING = """#!{python}
import importlib.abc, os, sys

class Hidden(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in {hidden}:
            raise ModuleNotFoundError("No module named " + repr(name))

if sys.argv[1] == "-c":
    print("Some card")
else:
    import pytest
    sys.meta_path.insert(0, Hidden())
    sys.exit(pytest.main([*sys.argv[3:], "-k", "pretend", "--collect-only"]))
"""
"""Collects the tests of the device that pretends, in place of running those of a card."""

NOT_THERE = {
    *("nbformat", "nbclient", "ipykernel", "yfinance", "selenium", "mlflow", "wandb", "ray", "submitit", "optuna"),
    *("hydra_plugins.hydra_joblib_launcher", "datasets", "stop_words", "tensorflow", "keras", "pyarrow", "mypy"),
}
"""Packages that the script does not ask for."""


def card(folder: Path, python: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHON": python}
    command = ["sh", str(PROJECT / SCRIPT), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.processes
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_card_nothing_is_measured(tmp_path: Path) -> None:
    done = card(tmp_path, sys.executable, "-d", "../shared/data")
    assert done.returncode == 1
    lines = (tmp_path / "card" / "summary.txt").read_text().splitlines()
    assert lines == [f"{part}: not measured, torch finds no CUDA device" for part in PARTS]
    assert done.stdout.splitlines() == lines
    assert {path.name for path in (tmp_path / "card").iterdir()} == {"summary.txt"}


def test_each_part_says_whether_it_was_measured(tmp_path: Path) -> None:
    python = executable(tmp_path / "python", PYTHON)
    (tmp_path / "wheels").mkdir()
    done = card(tmp_path, python, "-d", "../shared/data", "-w", "wheels")
    assert done.returncode == 0, done.stderr
    lines = dict(line.split(": ") for line in (tmp_path / "card" / "summary.txt").read_text().splitlines())
    assert lines == dict.fromkeys(PARTS, "measured on Some card") | {"gpu": "not measured, exit code 3"}
    assert (tmp_path / "card" / "gpu.txt").read_text() == "out of memory\n"
    assert "data=hate data_dir=../shared/data" in (tmp_path / "card" / "fits_hate.txt").read_text()


def executable(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


@pytest.mark.processes
def test_its_tests_need_only_what_it_asks_for(tmp_path: Path) -> None:
    python = executable(tmp_path / "python", COLLECTING.format(python=sys.executable, hidden=NOT_THERE))
    done = card(tmp_path, python, "tests")
    log = (tmp_path / "card" / "tests.txt").read_text()
    assert done.stdout == "tests: measured on Some card\n", log
    assert re.search(r"^\d\d+/\d+ tests collected", log, re.MULTILINE), log


def test_a_part_that_takes_too_long_is_cut_off_and_says_so(tmp_path: Path) -> None:
    bin = tmp_path / "bin"
    bin.mkdir()
    executable(bin / "timeout", '#!/bin/sh\nshift; "$@"; exit 124\n')
    environment = {
        **os.environ,
        "PYTHON": executable(tmp_path / "python", PYTHON),
        "PATH": f"{bin}:{os.environ['PATH']}",
    }
    command = ["sh", str(PROJECT / SCRIPT), "run"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "run: cut off after 35 s on Some card; run.txt has what was measured by then\n"


def test_single_parts_are_run_in_the_order_of_the_script(tmp_path: Path) -> None:
    done = card(tmp_path, executable(tmp_path / "python", PYTHON), "-o", "two", "market", "kernels")
    assert done.stdout.splitlines() == ["kernels: measured on Some card", "market: measured on Some card"]
    assert {path.name for path in (tmp_path / "two").iterdir()} == {"kernels.txt", "market.txt", "summary.txt"}


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["gpus"], f"Error: there is no part gpus; there are {' '.join(PARTS)}."),
        (["-x"], "Usage: sh benchmarks/card.sh [-o OUT] [-d DATA_DIR] [-w WHEELS] [PART...]"),
    ],
)
def test_wrong_arguments_are_refused(tmp_path: Path, arguments: list[str], error: str) -> None:
    done = card(tmp_path, "no-python", *arguments)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, error)
    assert not list(tmp_path.iterdir())


def test_all_parts_fit_into_a_command_of_ten_minutes() -> None:
    text = (PROJECT / SCRIPT).read_text()
    limits = dict(re.findall(r"^part (\w+) (\d+) ", text, re.MULTILINE))
    assert list(limits) == PARTS
    assert sum(map(int, limits.values())) <= 540  # a minute for the wheels and for finding the card
    minutes = re.search(r"--minutes ([\d.]+)", text)
    assert minutes
    assert 60 * float(minutes[1]) < int(limits["gpu"])


def test_the_commands_of_the_script_are_understood(tmp_path: Path) -> None:
    """Every call of benchmarks in it has arguments that the command line knows, every call of train.py keys."""
    from benchmarks.__main__ import parser

    text = (PROJECT / SCRIPT).read_text().replace("\\\n", " ").replace('"', "").replace("$data", "data")
    calls = [line.split("-m benchmarks ")[1].split() for line in text.splitlines() if "-m benchmarks " in line]
    assert len(calls) == 4
    for call in calls:
        parser().parse_args(call)
    runs = [line.split(" train.py ")[1].split() for line in text.splitlines() if " train.py " in line]
    assert len(runs) == 2
    for overrides in runs:  # of a sweep, the first value of each key
        composed(*(key.partition(",")[0] for key in overrides if key != "-m"))
