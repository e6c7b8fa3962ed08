"""Texts that nobody would write, for predict.py: each line gets an answer, or all are refused in one sentence."""

import json
from pathlib import Path
from unicodedata import category

import pytest
from conftest import train_here_in
from fuzzing import seeds, spoilt
from hypothesis import given
from hypothesis import strategies as st
from soak import examples
from within_limits import within_limits

from cells.errors import UserError
from datamodules.text_files import MARKS
from inference.load import load
from inference.saved_run import Request, SavedRun

pytestmark = pytest.mark.slow

A_LINE = 0.001
"""Seconds of work that each line may cost, as a valid one does: some changes make a file of ten thousand lines."""

TEXTS = "bring me the red cup\nwhere is the kitchen?\n\ndon\u2019t move, stop!\n" * 5


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> SavedRun:
    """A finished run on the bundled corpus."""
    folder = tmp_path_factory.mktemp("run")
    done = train_here_in(folder, "epochs=1", "model.embedding=4", "model.hidden=4", "threads=1")
    assert done.returncode == 0, done.stderr
    return load(folder)


def answered(run: SavedRun, texts: list[str], file: Path | None, as_json: bool) -> list[str] | str:
    """The lines of the answer, or the sentence with which it was refused."""
    lines = file.read_bytes().count(b"\n") if file else len(texts)
    try:
        return within_limits(lambda: list(run.answer(Request(texts, file, None, None, as_json))), A_LINE * lines)
    except UserError as error:
        return str(error)


def shown(lines: str) -> bool:
    """Whether a terminal shows every character: there is no escape sequence, and no half of a surrogate pair."""
    return not {"Cc", "Cs"} & {category(each) for each in lines.replace("\n", "")}


@examples(100)
@given(seed=seeds, as_json=st.booleans())
def test_files(run: SavedRun, seed: int, as_json: bool, tmp_path: Path) -> None:
    path = tmp_path / "texts.txt"
    path.write_bytes(spoilt(TEXTS.encode(), seed))
    lines = answered(run, [], path, as_json)
    if isinstance(lines, str):
        assert lines.endswith(".")
        assert "\n" not in lines
        return
    if as_json:
        answers = [json.loads(line) for line in lines]
        marked = [encoding for mark, encoding in MARKS if path.read_bytes().startswith(mark)]
        texts = path.read_text([*marked, "utf-8-sig"][0]).split("\n")
        assert [answer["text"] for answer in answers] == texts[: len(answers)]
        return
    assert all(map(shown, lines))


@examples(100)
@given(texts=st.lists(st.text() | st.sampled_from(["", "\ud800", "\0", "\x1b[31m", "a" * 100_000]), min_size=1))
def test_arguments(run: SavedRun, texts: list[str]) -> None:
    if texts == ["-"]:
        return
    lines = answered(run, texts, None, True)
    assert not isinstance(lines, str), lines
    assert [json.loads(line)["text"] for line in lines] == [text.removeprefix("\ufeff") for text in texts]
    table = answered(run, texts, None, False)
    assert not isinstance(table, str), table
    assert all(map(shown, table))
