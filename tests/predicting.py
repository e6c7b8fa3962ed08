"""`python predict.py` as a user runs it, for the tests of both kinds of runs."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import PROJECT, Done, one_line_error

from predict import main


@pytest.fixture
def predict(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path_factory: Any
) -> Callable[..., Done]:
    """`python predict.py ...` in `folder`, without the seconds that another process takes to import torch."""
    monkeypatch.delenv("LSTM_CS_DATA", raising=False)

    def run(*arguments: str, folder: Path = runs, typed: bytes | None = None) -> Done:
        monkeypatch.chdir(folder)
        if typed is not None:
            path = tmp_path_factory.mktemp("typed") / "input"
            path.write_bytes(typed)
            standard_input = SimpleNamespace(isatty=lambda: False, fileno=lambda: os.open(path, os.O_RDONLY))
            monkeypatch.setattr(sys, "stdin", standard_input)
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


def predict_in(folder: Path, typed: bytes, *arguments: str) -> Done:
    """`python predict.py ...` in `folder` as a user runs it, with something to read on its standard input."""
    command = [sys.executable, str(PROJECT / "predict.py"), *arguments]
    done = subprocess.run(command, cwd=folder, input=typed, capture_output=True, check=False)
    return Done(command, done.returncode, done.stdout.decode(), done.stderr.decode())


def copied(run: Path, folder: Path) -> Path:
    return Path(shutil.copytree(run, folder / "run"))


def replaced(run: Path, old: str, new: str) -> None:
    path = run / "config.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def assert_one_line_error(done: Done, *says: str) -> None:
    error = one_line_error(done)
    for text in says:
        assert text in error
