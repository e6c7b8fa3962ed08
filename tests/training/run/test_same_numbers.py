"""The same command twice gives the same bits, whatever else the machine does; what rounds otherwise stays close."""

import csv
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from conftest import train_here_in

pytestmark = pytest.mark.slow

NET = ("model.hidden=4", "epochs=2", "patience=null")
TEXT = ("data=robo", "model.embedding=4", *NET)
MARKET = ("features=btc_sent", "source=synthetic", "end='2016-03-01'", *NET)
ROUNDING = 1e-4
"""The largest difference between weights after two epochs where only the order of sums differs: of numbers around 1, a
thousand times float32's rounding."""

Weights = dict[str, torch.Tensor]


@contextmanager
def busy() -> Iterator[None]:
    """Another thread that multiplies matrices meanwhile."""
    over = threading.Event()

    def work() -> None:
        generator = torch.Generator().manual_seed(1)
        while not over.is_set():
            torch.randn(100, 100, generator=generator) @ torch.ones(100, 100)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def trained(folder: Path, *arguments: str) -> None:
    folder.mkdir()
    done = train_here_in(folder, *arguments)
    assert done.returncode == 0, done.stderr


def weights(folder: Path) -> Weights:
    (path,) = folder.rglob("model.ckpt")
    found: Weights = torch.load(path, weights_only=True)["state_dict"]
    return found


def bits(value: object) -> object:
    """A value with every tensor in it as its type and bytes."""
    if isinstance(value, torch.Tensor):
        return str(value.dtype), tuple(value.shape), value.numpy().tobytes()
    if isinstance(value, dict):
        return {key: bits(each) for key, each in value.items()}
    return [bits(each) for each in value] if isinstance(value, list | tuple) else value


def checkpoint(folder: Path) -> object:
    """Everything in a run's checkpoint, weights and the optimiser's state among it, but the seconds."""
    (path,) = folder.rglob("model.ckpt")
    found = torch.load(path, weights_only=True)
    assert found["optimizer_states"][0]["state"]
    del found["callbacks"]["Timer"]
    return bits(found)


def results(folder: Path) -> dict[str, object]:
    """Everything in a run's tables and its checkpoint but the seconds."""
    tables = {
        path.name: list(csv.DictReader(path.read_text().splitlines(keepends=True))) for path in folder.rglob("*.csv")
    }
    for row in tables["metrics.csv"]:
        row["seconds"] = ""
    return {**tables, "checkpoint": checkpoint(folder)}


def difference(one: Weights, other: Weights) -> float:
    assert one.keys() == other.keys()
    return max(float((one[name].double() - other[name].double()).abs().max()) for name in one)


@pytest.mark.parametrize("command", [TEXT, MARKET], ids=["text", "market"])
def test_the_same_command_gives_the_same_bits_on_a_busy_machine(command: tuple[str, ...], tmp_path: Path) -> None:
    trained(tmp_path / "one", *command, "cell=C1")
    with busy():
        trained(tmp_path / "two", *command, "cell=C1")
    assert results(tmp_path / "one") == results(tmp_path / "two")


def test_a_seed_changes_every_random_thing(tmp_path: Path) -> None:
    trained(tmp_path / "one", *TEXT)
    trained(tmp_path / "two", *TEXT, "seed=1")
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    matrices = [name for name in one if one[name].dim() > 1 and one[name].shape == two[name].shape]
    assert matrices
    assert not any(torch.equal(one[name], two[name]) for name in matrices)
    documents = [[row["row"] for row in results(tmp_path / name)["predictions.csv"]] for name in ("one", "two")]  # type: ignore[attr-defined]
    assert documents[0] != documents[1]  # split=by_seed


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_and_stacks_change_no_more_than_the_rounding(threads: int, tmp_path: Path) -> None:
    trained(tmp_path / "alone", *TEXT, "cell=C1", "threads=1")
    trained(tmp_path / "stacked", "-m", *TEXT, "cell=C1", "seed=0,1", "stack=2", f"threads={threads}")
    trained(tmp_path / "threads", *TEXT, "cell=C1", f"threads={threads}")
    (stacked,) = (path.parent.parent for path in (tmp_path / "stacked").rglob("model.ckpt") if "seed0_" in str(path))
    alone = weights(tmp_path / "alone")
    assert difference(alone, weights(stacked)) <= ROUNDING
    assert difference(alone, weights(tmp_path / "threads")) <= ROUNDING
