"""A run's folder tells nobody's name: not the machine's, not the user's, and no folder above it."""

import shutil
import socket
from pathlib import Path

import pytest
from conftest import train_here_in
from own_files import sales
from text_data import FIXTURES

from training.run.folder.run_folder import RunFolder

NET = ("model.hidden=4", "epochs=2", "threads=1")
TEXT = ("data=robo", "model.embedding=4", *NET)
OWN = (
    *("data=csv", "data.text=Comment", "data.label=Class", "n_folds=3", "preprocess.min_count=1"),
    *("model.embedding=4", *NET),
)
SERIES = ("features=csv", "series.date=day", "series.target=units", "protocol=paper", "window=5", *NET)

NAMES = {"host": "hal-9000", "user": "dave-bowman", "home": "odyssey-2001", "below": "jupiter-5"}
"""The machine, the user, the home, and the folder in which everything is."""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, of a user with a home on a machine."""
    monkeypatch.setattr(socket, "gethostname", lambda: NAMES["host"])
    for variable in ("USER", "LOGNAME", "USERNAME"):
        monkeypatch.setenv(variable, NAMES["user"])
    monkeypatch.setenv("HOME", str(tmp_path / NAMES["home"]))
    folder = tmp_path / NAMES["below"]
    folder.mkdir()
    shutil.copy(FIXTURES / "hate" / "dataset.csv", folder / "tweets.csv")
    elsewhere = tmp_path / NAMES["home"]
    elsewhere.mkdir()
    sales().to_csv(elsewhere / "sales.csv", index=False)
    return folder


def told(folder: Path) -> list[str]:
    """The files of the runs below a folder in whose name or content one of NAMES stands."""
    found = []
    for path in (file for run in RunFolder.finished_below(folder) for file in run.rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        found += [f"{path.name}: {name}" for name in NAMES.values() if name.encode() in content or name in path.name]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["own", "series", "stack"])
@pytest.mark.usefixtures("nothing_drawn")
def test_nobody_is_named(kind: str, place: Path) -> None:
    command = {
        "own": (*OWN, f"data.file={place / 'tweets.csv'}"),
        "series": (*SERIES, f"series.file={place.parent / NAMES['home'] / 'sales.csv'}"),
        "stack": ("-m", *TEXT, "seed=0,1", "stack=2"),
    }[kind]
    done = train_here_in(place, *command)
    assert done.returncode == 0, done.stderr
    assert list((place / "runs").rglob("events.out.tfevents.*"))
    assert told(place / "runs") == []
    again = train_here_in(place, *command)
    assert "finished; nothing to do." in again.stdout
    assert "WARNING" not in again.stdout
