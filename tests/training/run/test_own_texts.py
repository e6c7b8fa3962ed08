"""A run on a user's own file is a run like any other: folder, provenance, parts, and mistakes in one line."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch
from conftest import Command

from training.run.text_problem import MOST_COLUMNS, probability_columns

OWN = ("data=csv", "data.text=review", "data.label=grade")
TINY = ("epochs=1", "model.embedding=4", "model.hidden=4", "n_folds=3", "preprocess.min_count=1")


def write(path: Path, rows: int, word: str) -> None:
    lines = [f"it is {grade} {word} {row},{grade}" for row in range(rows) for grade in ("bad", "good")]
    path.write_text("\n".join(["review,grade", *lines]) + "\n")


def test_a_run_on_an_own_file_and_a_ready_made_test_part(
    train_here: Command, tmp_path: Path, nothing_drawn: None
) -> None:
    (tmp_path / "data").mkdir()
    write(tmp_path / "reviews.csv", 9, "early")
    write(tmp_path / "data" / "late.csv", 4, "late")
    command = (*OWN, "data.file=reviews.csv", "data.test_file=late.csv", *TINY, "fold=2")
    done = train_here(*command)
    assert done.returncode == 0, done.stderr
    assert "Given, and the same for every fold and seed: 8 to test." in done.stdout
    (folder,) = tmp_path.glob("runs/reviews/bilstm/baseline/*")
    predictions = pd.read_csv(folder / "predictions.csv")
    assert predictions["row"].tolist() == list(range(18, 26))
    assert predictions["file"].tolist() == ["late.csv"] * 8
    assert predictions["line"].tolist() == list(range(2, 10))
    assert set(predictions["truth"]) == {"bad", "good"}
    assert set(pd.read_csv(folder / "metrics.csv")["test_part"]) == {"given"}
    files = json.loads((folder / "provenance.json").read_text())["data"]
    assert {use: file["file"] for use, file in files.items()} == {"data": "reviews.csv", "test": "late.csv"}
    assert all(file["hash"].startswith("sha256:") for file in files.values())
    assert "is finished; nothing to do" in train_here(*command).stdout
    write(tmp_path / "data" / "late.csv", 5, "later")
    again = train_here(*command)
    assert "late.csv than there is now" in again.stdout + again.stderr


def test_a_missing_file_names_where_it_was_looked_for(refused: Callable[..., str], tmp_path: Path) -> None:
    error = refused("data=csv", "data.file=data/nix.csv", "data.text=a", "data.label=b")
    assert error.endswith(f"looked for {tmp_path}/data/nix.csv and {tmp_path}/data/data/nix.csv.\n")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("data=csv",), "give data.file= and data.text= and data.label= as well"),
        (("data=hf", "data.path=x", "data.text=t"), "give data.label= as well"),
        ((*OWN, "data.file=nix.csv"), "data.file=nix.csv: there is no such file, looked for /"),
        ((*OWN, "data.file=x.csv", "data.text=0"), "data.text=0: name a column, or several"),
        ((*OWN, "data.file=x.csv", "data.label=[p,p]"), "data.label=['p', 'p']: name a column, or several as"),
        ((*OWN, "data.file=x.csv", "data.group=[a,b]"), "data.group=['a', 'b']: name a column"),
        ((*OWN, "data.file=x.csv", "data.name=a/b"), "data.name=a/b: give a name of letters"),
        (("data=robo", "data.name=other"), "data.name=other: it is the name of a file"),
        (("data=robo", "data.text=a"), "there is no key 'data.text' here, data="),
        (("data=robo", "preprocess.max_words=x"), "preprocess.max_words=x: give a whole number, 1 or more"),
    ],
)
def test_mistakes_are_one_line(arguments: tuple[str, ...], expected: str, refused: Callable[..., str]) -> None:
    assert expected in refused(*arguments)


def test_of_more_than_a_thousand_classes_the_most_probable_are_kept() -> None:
    probabilities = torch.rand(3, MOST_COLUMNS + 1, generator=torch.Generator().manual_seed(0))
    probabilities[1, 7], probabilities[1, 1000] = 3, 2
    names = [f"class {number}" for number in range(MOST_COLUMNS + 1)]
    assert list(probability_columns(probabilities[:, :-1], names[:-1])) == [f"p({name})" for name in names[:-1]]
    columns = probability_columns(probabilities, names)
    assert list(columns) == [f"{kind}top{place}{end}" for place in range(1, 6) for kind, end in (("", ""), ("p(", ")"))]
    assert (columns["top1"][1], columns["p(top1)"][1], columns["top2"][1]) == ("class 7", 3, "class 1000")
    assert columns["p(top1)"][2] == probabilities[2].max()
