"""`python predict.py` run as a user runs it, for the tests of both kinds of runs."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import PROJECT

from predict import main

Done = subprocess.CompletedProcess[str]


@pytest.fixture
def predict(runs: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """`python predict.py ...` in `folder`, without the seconds that another process takes to import torch."""
    monkeypatch.delenv("LSTM_CS_DATA", raising=False)

    def run(*arguments: str, folder: Path = runs) -> Done:
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["predict.py", *arguments])
        code, message = 0, ""
        capfd.readouterr()
        try:
            main()
        except SystemExit as error:  # with a message, which Python prints
            code, message = 1, f"{error.code}\n"
        said = capfd.readouterr()
        return Done(arguments, code, said.out, said.err + message)

    return run


Predict = Callable[..., Done]


def answers(done: Done) -> list[dict[str, Any]]:
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def typed(folder: Path, text: bytes, *arguments: str) -> Done:
    """Another process, with something to read on its standard input."""
    command = [sys.executable, str(PROJECT / "predict.py"), *arguments]
    done = subprocess.run(command, cwd=folder, input=text, capture_output=True, timeout=120, check=False)
    return Done(command, done.returncode, done.stdout.decode(), done.stderr.decode())


def copied(run: Path, folder: Path) -> Path:
    return Path(shutil.copytree(run, folder / "run"))


def replaced(run: Path, old: str, new: str) -> None:
    path = run / "config.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def assert_one_line_error(done: Done, *says: str) -> None:
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr.startswith("Error: "), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    for text in says:
        assert text in done.stderr
