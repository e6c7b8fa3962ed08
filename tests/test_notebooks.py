"""The notebooks in examples/ run from top to bottom, and are kept with their outputs and pictures."""

import getpass
import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import PROJECT
from notebooks import EXAMPLES

NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
MOST_BYTES = 200_000
SHORTEST_NAME = 5
"""Letters: the name of a user or a machine, if shorter, may be a word of the text as well, such as root or run."""

ABSOLUTE = re.compile(r"(?:^|[\s'\"=(:])(/(?:[\w.-]+/)+[\w.-]*|[A-Z]:\\\\\w+)", re.M)


def code_cells(path: Path) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]


def texts(cell: dict[str, Any]) -> Iterator[str]:
    for output in cell["outputs"]:
        yield "".join(output.get("text", []))
        yield from ("".join(data) for kind, data in output.get("data", {}).items() if kind.startswith("text/"))


def kinds(cell: dict[str, Any]) -> list[tuple[str, ...]]:
    return [(output["output_type"], *sorted(output.get("data", {}))) for output in cell["outputs"]]


def names(path: Path) -> str:
    return path.stem


def test_there_are_three() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["a_cell_of_your_own", "your_series", "your_texts"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=names)
def test_it_is_kept_small_with_all_outputs_and_a_picture(path: Path) -> None:
    cells = code_cells(path)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    found = [kind for cell in cells for kind in kinds(cell)]
    assert any("image/png" in kind for kind in found)
    assert "error" not in [kind[0] for kind in found]
    assert path.stat().st_size < MOST_BYTES


@pytest.mark.parametrize("path", NOTEBOOKS, ids=names)
def test_its_outputs_hold_no_path_of_the_machine_it_ran_on(path: Path) -> None:
    assert not ABSOLUTE.findall("\n".join(text for cell in code_cells(path) for text in texts(cell)))


def test_a_path_in_an_output_would_be_found() -> None:
    assert ABSOLUTE.findall("in /home/ann/runs: 'C:\\\\Users' and /tmp/x") == [
        "/home/ann/runs",
        "C:\\\\Users",
        "/tmp/x",
    ]
    assert not ABSOLUTE.findall("c * (1 + o) / 2, runs/robo and macro-F1/accuracy")


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.parametrize("path", NOTEBOOKS, ids=names)
def test_it_runs_from_top_to_bottom(path: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(PROJECT / "tests" / "notebooks.py"), str(path), "-o", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    kept, again = code_cells(path), code_cells(tmp_path / path.name)
    assert [cell["source"] for cell in again] == [cell["source"] for cell in kept]
    assert [kinds(cell) for cell in again] == [kinds(cell) for cell in kept]
    said = "\n".join(text for cell in again for text in texts(cell))
    for name in (socket.gethostname(), getpass.getuser()):
        assert len(name) < SHORTEST_NAME or not re.search(rf"\b{re.escape(name)}\b", said)


@pytest.mark.processes
def test_a_command_that_fails_stops_it(tmp_path: Path) -> None:
    bad = {"cell_type": "code", "id": "a", "metadata": {}, "outputs": [], "execution_count": None, "source": "!exit 3"}
    path = tmp_path / "bad.ipynb"
    path.write_text(json.dumps({"cells": [bad], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    before = path.read_text()
    command = [sys.executable, str(PROJECT / "tests" / "notebooks.py"), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "exit code 3" in done.stderr
    assert path.read_text() == before
