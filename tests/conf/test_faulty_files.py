"""Faulty YAML files of the user's own: one line that names the file."""

from collections.abc import Callable
from pathlib import Path

import pytest
from unprivileged import unprivileged

from conf.faulty_files import faulty_file


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"epochs: [1\n", "own.yaml, line 3: not valid YAML (expected ',' or ']'"),
        (b"a: b: c\n", "own.yaml, line 2: not valid YAML (mapping values are not allowed here)"),
        (b"epochs: 1\nepochs: 2\n", "own.yaml, line 3: not valid YAML (found duplicate key epochs)"),
        (b"epochs: 1\0\n", "own.yaml: not valid YAML (special characters are not allowed)"),
        (b"epochs: 1 # \xe9\n", "own.yaml is not UTF-8: save it as UTF-8."),
        ("epochs: 1\n".encode("utf-16"), "own.yaml is not UTF-8: save it as UTF-8."),
    ],
)
@pytest.mark.parametrize("many", [[], ["-m"]], ids=["one", "many"])
def test_a_faulty_experiment_is_one_line(
    refused: Callable[..., str], tmp_path: Path, content: bytes, says: str, many: list[str]
) -> None:
    file = tmp_path / "mine" / "experiment" / "own.yaml"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"# @package _global_\n" + content)
    assert says in refused("--config-dir=mine", *many, "experiment=own", "data=robo")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("option", ["--config-dir=mine", "-cd=mine"])
@pytest.mark.parametrize("below", ["", "/experiment"])
def test_a_folder_that_may_not_be_read_is_named(
    refused: Callable[..., str], tmp_path: Path, option: str, below: str
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine").chmod(0)
    with unprivileged():
        error = refused(f"{option}{below}", "data=robo")
    (tmp_path / "mine").chmod(0o755)
    assert f"mine{below} cannot be used (Permission denied)" in error


def test_what_no_file_of_hydra_brought_is_no_faulty_file() -> None:
    assert faulty_file(UnicodeDecodeError("utf-8", b"\xe9", 0, 1, "invalid")) is None
    assert faulty_file(ValueError()) is None
