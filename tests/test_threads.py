import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch
from conftest import Command

from training.threads import Threads, Usage, idle_cores, usage

SMALL = ("data=robo", "model.embedding=8", "model.hidden=8", "patience=null")


@pytest.fixture(autouse=True)
def four_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def after(before: Usage, everybody: float, own: float) -> Usage:
    """Two seconds later."""
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


def test_other_programs_are_seen() -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    spin = [sys.executable, "-c", "import time\nend = time.time() + 60\nwhile time.time() < end: pass"]
    others = [subprocess.Popen(spin) for _ in range(cores)]
    try:
        before = usage()
        subprocess.run([sys.executable, "-c", "import time; time.sleep(2)"], check=True)
        assert idle_cores(before, usage(), cores) == 1
    finally:
        for other in others:
            other.kill()
            other.wait()


def test_a_run_shrinks_beside_others_grows_again_and_gives_the_threads_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads = Threads(None)
    monkeypatch.setattr("training.threads._allowed", lambda cores: set(range(4)))
    threads.adapt(after(threads.last, everybody=6.0, own=2.0))
    assert torch.get_num_threads() == 2
    threads.adapt(after(threads.last, everybody=8.0, own=2.0))
    assert torch.get_num_threads() == 1
    threads.adapt(after(threads.last, everybody=2.0, own=2.0))
    assert torch.get_num_threads() == 4
    threads.adapt(after(threads.last, everybody=8.0, own=0.0))
    threads.teardown(pl.Trainer(logger=False, accelerator="cpu"), pl.LightningModule(), "fit")
    assert torch.get_num_threads() == 4


@pytest.mark.parametrize("end", ["teardown", "on_exception"])
def test_a_number_is_taken_and_given_back(end: str) -> None:
    trainer, module = pl.Trainer(logger=False, accelerator="cpu"), pl.LightningModule()
    threads = Threads(3)
    threads.setup(trainer, module, "fit")
    assert torch.get_num_threads() == 3
    if end == "teardown":
        threads.teardown(trainer, module, "fit")
    else:
        threads.on_exception(trainer, module, KeyboardInterrupt())
    assert torch.get_num_threads() == 4


def test_one_thread_or_two_give_the_same_bits(train: Command, tmp_path: Path) -> None:
    predictions = []
    for threads in ("1", "2"):
        done = train(*SMALL, "epochs=2", f"threads={threads}", f"runs_dir=with_{threads}")
        assert done.returncode == 0, done.stderr
        (found,) = (tmp_path / f"with_{threads}").rglob("predictions.csv")
        predictions.append(found.read_bytes())
    assert predictions[0] == predictions[1]
