"""The script for a machine with a GPU: here with none, and with a Python that only says there is one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import PROJECT

from conf.compose import composed

SCRIPT = "benchmarks/card.sh"
PARTS = ["tests", "kernels", "run", "fits_hate", "fits_mlma", "fits_robo", "market", "gpu"]

PYTHON = """#!/bin/sh
case "$*" in
    -c*) echo "Some card" ;;
    *"-m pytest"*) echo "no test failed"; exit 0 ;;
    *"benchmarks gpu"*) echo "out of memory" >&2; exit 3 ;;
    *) echo "$@" ;;
esac
"""


def card(folder: Path, python: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHON": python}
    command = ["sh", str(PROJECT / SCRIPT), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.processes
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_card_nothing_is_measured(tmp_path: Path) -> None:
    done = card(tmp_path, sys.executable, "card", "../shared/data")
    assert done.returncode == 1
    lines = (tmp_path / "card" / "summary.txt").read_text().splitlines()
    assert lines == [f"{part}: not measured, torch finds no CUDA device" for part in PARTS]
    assert done.stdout.splitlines() == lines
    assert {path.name for path in (tmp_path / "card").iterdir()} == {"summary.txt"}


def test_each_part_says_whether_it_was_measured(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)
    (tmp_path / "wheels").mkdir()
    done = card(tmp_path, str(python), "card", "../shared/data", "wheels")
    assert done.returncode == 0, done.stderr
    lines = dict(line.split(": ") for line in (tmp_path / "card" / "summary.txt").read_text().splitlines())
    assert lines == dict.fromkeys(PARTS, "measured on Some card") | {"gpu": "not measured, exit code 3"}
    assert (tmp_path / "card" / "gpu.txt").read_text() == "out of memory\n"
    assert "data=hate data_dir=../shared/data" in (tmp_path / "card" / "fits_hate.txt").read_text()


def test_the_commands_of_the_script_are_understood(tmp_path: Path) -> None:
    """Every call of benchmarks in it has arguments that the command line knows, every call of train.py keys."""
    from benchmarks.__main__ import parser

    text = (PROJECT / SCRIPT).read_text().replace("\\\n", " ").replace('"', "").replace("$data", "data")
    calls = [line.split("-m benchmarks ")[1].split() for line in text.splitlines() if "-m benchmarks " in line]
    assert len(calls) == 3
    for call in calls:
        parser().parse_args(call)
    runs = [line.split(" train.py ")[1].split() for line in text.splitlines() if " train.py " in line]
    assert len(runs) == 2
    for overrides in runs:  # of a sweep, the first value of each key
        composed(*(key.partition(",")[0] for key in overrides if key != "-m"))
