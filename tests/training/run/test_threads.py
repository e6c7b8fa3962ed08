"""The threads of a run, beside other programs."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch
from conftest import PROJECT

from cells import LSTM
from cells.llvm import threads as loops
from training.run.threads import Threads, Usage, idle_cores, usage


@pytest.fixture(autouse=True)
def four_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def after(before: Usage, everybody: float, own: float) -> Usage:
    """The usage two seconds later."""
    return Usage(before.clock + 2, before.everybody + everybody, before.own + own)


@pytest.mark.parametrize(
    ("everybody", "own", "idle"),
    [
        (0.0, 0.0, 4),
        (8.0, 8.0, 4),  # all busy, with us
        (2.0, 0.0, 3),
        (0.4, 0.0, 4),  # a fifth of a core
        (4.0, 2.0, 3),
        (8.0, 2.0, 1),
        (16.0, 0.0, 1),  # more than there is
        (1.0, 1.2, 4),  # clocks that do not agree
    ],
)
def test_idle_cores_are_those_that_others_leave(everybody: float, own: float, idle: int) -> None:
    start = Usage(10.0, 100.0, 5.0)
    assert idle_cores(start, after(start, everybody, own), 4) == idle


@pytest.mark.processes
def test_other_programs_are_seen() -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    spin = [sys.executable, "-c", "import time\nprint()\nend = time.time() + 1200\nwhile time.time() < end: pass"]
    others = [subprocess.Popen([*spin[:1], "-u", *spin[1:]], stdout=subprocess.PIPE) for _ in range(cores)]
    try:
        for other in others:
            assert other.stdout is not None
            other.stdout.readline()  # it spins from here on
        before = usage()
        subprocess.run([sys.executable, "-c", "import time; time.sleep(2)"], check=True)
        assert idle_cores(before, usage(), cores) == 1
    finally:
        for other in others:
            other.kill()
            other.communicate()


class Net(pl.LightningModule):
    """A task with cells, or without."""

    def __init__(self, has_cells: bool = True):
        super().__init__()
        self.net = LSTM(2, 3) if has_cells else torch.nn.Linear(2, 3)


TRAINER = pl.Trainer(logger=False, accelerator="cpu")


class Machine:
    """A machine with four cores, of which other programs use `others`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.others, self.now = 0.0, Usage(10.0, 100.0, 5.0)
        monkeypatch.setattr("training.run.threads.usage", self.usage)
        monkeypatch.setattr("training.run.threads._allowed", lambda cores: set(range(4)))

    def usage(self) -> Usage:
        clock = time.perf_counter()
        passed = clock - self.now.clock
        self.now = Usage(clock, self.now.everybody + (self.others + 1) * passed, self.now.own + passed)
        return self.now


def test_the_loops_shrink_beside_others_grow_again_and_give_the_threads_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = Machine(monkeypatch)
    monkeypatch.setattr("training.run.threads.INTERVAL", 0.0)
    threads = Threads(None)
    seen = []
    threads.setup(TRAINER, Net(), "fit")
    for others, look in (
        (0, threads.on_train_batch_start),
        (2, threads.on_train_batch_start),
        (3, threads.on_validation_batch_start),
        (9, threads.on_test_batch_start),
        (0, threads.on_train_batch_start),
    ):
        machine.others = others
        look()
        assert torch.get_num_threads() == 1
        assert loops.planned() == 4  # whatever happens: the sums are cut in the same way
        seen.append(loops.running())
    assert seen == [4, 2, 1, 1, 4]
    threads.teardown(TRAINER, Net(), "fit")
    assert torch.get_num_threads() == loops.planned() == loops.running() == 4


@pytest.mark.parametrize("stage", ["fit", "validate", "test"])
def test_a_stage_begins_with_a_look(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    threads = Threads(None)
    machine.others = 3
    threads.setup(TRAINER, Net(), stage)
    assert loops.running() == 1
    threads.teardown(TRAINER, Net(), stage)


def test_a_net_without_cells_has_all_threads_always(monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(monkeypatch).others = 3
    monkeypatch.setattr("training.run.threads.INTERVAL", 0.0)
    threads = Threads(None)
    threads.setup(TRAINER, Net(has_cells=False), "fit")
    threads.on_train_batch_start()
    assert torch.get_num_threads() == 4
    threads.teardown(TRAINER, Net(), "fit")


@pytest.mark.parametrize("end", ["teardown", "on_exception"])
def test_a_number_is_taken_and_given_back(end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(monkeypatch).others = 3
    monkeypatch.setattr("training.run.threads.INTERVAL", 0.0)
    threads = Threads(3)
    threads.setup(TRAINER, Net(), "fit")
    threads.on_train_batch_start()
    assert loops.planned() == loops.running() == 3
    if end == "teardown":
        threads.teardown(TRAINER, Net(), "fit")
    else:
        threads.on_exception(TRAINER, Net(), KeyboardInterrupt())
    assert torch.get_num_threads() == loops.planned() == loops.running() == 4


def test_cores_may_have_any_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {1, 500}, raising=False)
    assert usage().everybody > 0
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {500}, raising=False)
    assert usage().everybody > 0


@pytest.mark.processes
@pytest.mark.parametrize(
    "run",
    [
        ("data=robo", "patience=null", "cell=C1"),  # of the default sizes
        ("features=btc", "source=synthetic", "window=7"),
    ],
)
def test_other_programs_change_no_bit(run: tuple[str, ...], tmp_path: Path) -> None:
    code = (
        f"import sys; sys.argv[0] = {str(PROJECT / 'train.py')!r}; "
        + """
import runpy
from cells.llvm import threads
use, turn = threads.use, iter(range(10**9))
def of_a_busy_machine(number, at_once):
    use(2, 1 + next(turn) % 2 if "flicker" in sys.argv[-1] else 1)
threads.use = of_a_busy_machine
import training.run.threads
training.run.threads.INTERVAL = 0.0
runpy.run_path(sys.argv[0], run_name="__main__")
"""
    )
    predictions = []
    for name in ("alone", "flicker"):
        arguments = (*run, "epochs=1", f"runs_dir={name}")
        command = [sys.executable, "-c", code, *arguments]
        environment = {**os.environ, "OMP_NUM_THREADS": "2", "PYTHONPATH": str(PROJECT)}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        (found,) = (tmp_path / name).rglob("predictions.csv")
        predictions.append(found.read_bytes())
    assert predictions[0] == predictions[1]
