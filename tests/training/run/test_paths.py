"""Paths that a user gives: unreadable, read-only, a file for a folder, a folder for a file. Each is one line."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import one_line_error, train_here_in
from unprivileged import unprivileged

from analysis.__main__ import main as analyse
from cells.errors import UserError
from conf.mistakes import exit_on_mistake
from inference.export import export
from inference.load import load
from training.run.folder.run_folder import RunFolder

TINY = ("model.embedding=4", "model.hidden=4", "epochs=1")

Damage = Callable[[Path], None]


def unreadable(path: Path) -> None:
    if not path.exists():
        path.mkdir()
    path.chmod(0)


def read_only(path: Path) -> None:
    path.mkdir()
    path.chmod(0o555)


def a_file(path: Path) -> None:
    path.write_text("")


def a_folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "place"
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(0o755)  # so that pytest can remove it


@pytest.mark.parametrize("damage", [unreadable, read_only, a_file])
@pytest.mark.parametrize("below", ["", "/below"])
@pytest.mark.parametrize(
    "command",
    [
        ("data=robo", "runs_dir"),
        ("data=robo", "run_dir"),
        ("data=robo", "cache_dir"),
        ("data=hate", "data_dir"),
        ("-m", "data=robo", "seed=0,1", "runs_dir"),
    ],
)
def test_a_folder_that_cannot_be_used_is_one_line(
    place: Path, command: tuple[str, ...], below: str, damage: Damage
) -> None:
    damage(place)
    *given, key = command
    with unprivileged():
        error = one_line_error(train_here_in(place.parent, *given, *TINY, f"{key}={place}{below}"))
    assert str(place) in error


@pytest.mark.parametrize("key", ["runs_dir", "run_dir"])
def test_a_folder_that_may_not_be_written_is_told_before_the_data_are_ready(place: Path, key: str) -> None:
    read_only(place)
    with unprivileged():
        done = train_here_in(place.parent, "data=robo", *TINY, f"{key}={place}/below")
    assert one_line_error(done).startswith(f"Error: {place} cannot be used (Permission denied)")
    assert done.stdout == ""


@pytest.mark.parametrize("command", [("features=btc",), ("data=hate",)])
@pytest.mark.parametrize("below", ["", "/below"])
@pytest.mark.parametrize("key", ["data_dir", "cache_dir"])
def test_a_file_for_a_folder_is_called_so(place: Path, command: tuple[str, ...], below: str, key: str) -> None:
    a_file(place)
    error = one_line_error(train_here_in(place.parent, *command, "epochs=1", f"{key}=place{below}"))
    assert error == f"Error: {key}=place{below}: place is a file, give the path of a folder.\n"


@pytest.mark.parametrize(("damage", "market"), [(unreadable, False), (unreadable, True), (a_folder, True)])
def test_a_data_file_that_cannot_be_read_is_one_line(place: Path, damage: Damage, market: bool) -> None:
    name = "market/BTC-USD.csv" if market else "text/hate/dataset.csv"
    (place / name).parent.mkdir(parents=True)
    (place / name).write_text("")
    damage(place / name)
    command = ("features=btc", "epochs=1") if market else ("data=hate", *TINY)
    with unprivileged():
        assert name in one_line_error(train_here_in(place.parent, *command, f"data_dir={place}"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    assert train_here_in(folder, "data=robo", *TINY, "run_dir=run").returncode == 0
    return folder / "run"


@pytest.mark.parametrize("name", ["", "config.yaml", "metrics.csv", "checkpoints", "checkpoints/model.ckpt"])
def test_a_run_that_cannot_be_read_is_neither_passed_over_nor_to_be_removed(
    place: Path, trained: Path, name: str
) -> None:
    shutil.copytree(trained, place)
    unreadable(place / name)
    opened, summed = [lambda: load(place)], [lambda: analyse(["summary", str(place)])]
    uses: dict[str, list[Callable[[], object]]] = {
        "": [*opened, *summed, lambda: RunFolder.finished_below(place.parent)],
        "config.yaml": [*opened, *summed],
        "metrics.csv": [*summed],
    }
    for use in uses.get(name, opened):
        with unprivileged(), pytest.raises(SystemExit) as ended, exit_on_mistake():
            use()
        assert str(place / name) in str(ended.value.code)
        assert "remove" not in str(ended.value.code)


def test_an_unreadable_configuration_does_not_ask_for_the_run_to_be_removed(place: Path, trained: Path) -> None:
    shutil.copytree(trained, place)
    unreadable(place / "config.yaml")
    with unprivileged():
        error = one_line_error(train_here_in(place.parent, "data=robo", *TINY, f"run_dir={place}"))
    assert f"{place}/config.yaml cannot be used (Permission denied)" in error


def test_a_result_that_cannot_be_written_is_named(place: Path, trained: Path) -> None:
    shutil.copytree(trained, place)
    (place / "finished").unlink()
    a_folder(place / "predictions.csv")
    error = one_line_error(train_here_in(place.parent, "data=robo", *TINY, f"run_dir={place}"))
    assert f"{place}/predictions.csv cannot be used (Is a directory)" in error


def test_an_export_into_a_read_only_folder_is_one_line(place: Path, trained: Path) -> None:
    shutil.copytree(trained, place)
    place.chmod(0o555)
    run = load(place)
    with unprivileged(), pytest.raises(UserError, match=r"model\.pt cannot be written \(Permission denied\)"):
        export(run, place / "model.pt", onnx=False)
