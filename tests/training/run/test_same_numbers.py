"""The same command twice gives the same bits, whatever else the machine does; what rounds otherwise stays close."""

import csv
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from checkpoint_bits import checkpoint_bits
from conftest import Done, train_here_in, train_in
from own_files import sales
from processors import OLDER

from cells.llvm.target import Target

pytestmark = pytest.mark.slow

NET = ("model.hidden=4", "epochs=2", "patience=null")
TEXT = ("data=robo", "model.embedding=4", *NET)
MARKET = ("features=btc_sent", "source=synthetic", "end='2016-03-01'", *NET)
STACK = (*TEXT, "seed=0,1", "stack=2")
SERIES = ("features=csv", "series.file=sales.csv", "series.date=day", "series.target=units", "window=7", *NET)
KINDS = {"text": TEXT, "market": MARKET, "stack": STACK, "series": SERIES}
ROUNDING = 1e-5
"""The largest difference between weights after two epochs where only the order of sums differs: of numbers around 1, a
hundred times float32's rounding. Measured were 3e-8, see docs/reliability.md."""

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


def trained(folder: Path, *arguments: str, train: Callable[..., Done] = train_here_in) -> None:
    folder.mkdir()
    sales(80).to_csv(folder / "sales.csv", index=False)
    done = train(folder, *arguments)
    assert done.returncode == 0, done.stderr


def weights(folder: Path) -> Weights:
    (path,) = folder.rglob("model.ckpt")
    found: Weights = torch.load(path, weights_only=True)["state_dict"]
    return found


def checkpoint(folder: Path) -> object:
    (path,) = folder.rglob("model.ckpt")
    return checkpoint_bits(path)


def results(folder: Path) -> dict[str, object]:
    """Everything in a run's tables and its checkpoint but the seconds."""
    tables = {
        path.name: list(csv.DictReader(path.read_text().splitlines(keepends=True))) for path in folder.rglob("*.csv")
    }
    for row in tables["metrics.csv"]:
        row["seconds"] = ""
    return {**tables, "checkpoint": checkpoint(folder)}


def results_of_all(folder: Path) -> dict[str, dict[str, object]]:
    """The results of each run below a folder, by its own."""
    runs = [path.parent for path in (folder / "runs").rglob("finished")]
    return {str(run.relative_to(folder)): results(run) for run in runs}


def difference(one: Weights, other: Weights) -> float:
    assert one.keys() == other.keys()
    return max(float((one[name].double() - other[name].double()).abs().max()) for name in one)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_command_gives_the_same_bits_on_a_busy_machine(kind: str, tmp_path: Path) -> None:
    trained(tmp_path / "one", *KINDS[kind], "cell=C1")
    with busy():
        trained(tmp_path / "two", *KINDS[kind], "cell=C1")
    one, two = (results_of_all(tmp_path / name) for name in ("one", "two"))
    assert len(one) == (2 if kind == "stack" else 1)
    assert one == two


@pytest.mark.processes
def test_runs_have_the_same_bits_in_one_process_and_in_several_at_once(tmp_path: Path) -> None:
    """Each process has as many threads as the one, as sums depend on their number."""
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="it comes with the extra `joblib`")
    trained(tmp_path / "one", "-m", *TEXT, "cell=C1", "seed=0,1,2", "threads=1")
    several = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=3")
    trained(tmp_path / "three", "-m", *TEXT, "cell=C1", "seed=0,1,2", "threads=1", *several, train=train_in)
    one, three = (results_of_all(tmp_path / name) for name in ("one", "three"))
    assert len(one) == 3
    assert one == three


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


@pytest.mark.parametrize("target", sorted(OLDER.keys() - {"host"}))
def test_older_processors_change_no_more_than_the_rounding(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(tmp_path / "host", *TEXT, "cell=C1", "threads=1")
    asked = []

    def host() -> Target:
        asked.append(target)
        return OLDER[target]

    monkeypatch.setattr("cells.llvm.machine.host", host)
    trained(tmp_path / target, *TEXT, "cell=C1", "threads=1")
    assert asked
    assert difference(weights(tmp_path / "host"), weights(tmp_path / target)) <= ROUNDING
