"""How many threads a run takes while other programs want the cores as well."""

import logging
import math
import os
import time
from typing import Any, NamedTuple

import lightning.pytorch as pl
import psutil
import torch
from lightning.pytorch.callbacks import Callback

log = logging.getLogger("lstm-cs")

SECONDS = 1.0  # between two looks at the cores
FIRST_LOOK = 0.1  # seconds that the first one takes
TOLERATED = 0.25  # of a core that others use, and it still counts as idle: an open TensorBoard, say


class Usage(NamedTuple):
    """Seconds up to now: on the clock, of computing by everybody on the cores we may use, and by this process."""

    clock: float
    everybody: float
    own: float


def usage() -> Usage:
    """Of this moment; only differences between two of them mean something."""
    fields = ("user", "nice", "system", "irq", "softirq", "steal")
    cores = psutil.cpu_times(percpu=True)
    everybody = sum(getattr(cores[core], field, 0.0) for core in _allowed(len(cores)) for field in fields)
    return Usage(time.perf_counter(), everybody, time.process_time())


def _allowed(cores: int) -> set[int]:
    """The cores this process may use, where the system says so."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(cores))


def idle_cores(before: Usage, after: Usage, cores: int) -> int:
    """How many of the cores nobody else used between the two moments; 1 at least."""
    others = ((after.everybody - before.everybody) - (after.own - before.own)) / (after.clock - before.clock)
    return max(1, math.floor(cores - others + TOLERATED))


class Threads(Callback):
    """Torch's number of threads during a run; what it was before comes back afterwards.

    A thread that shares its core keeps its whole team waiting, several times in every step: two threads beside one
    busy program were 2 to 20 times slower than one thread (benchmarks/README.md). So the team has only the idle cores,
    looked at once a second. One thread or two give the same numbers to the last bit.

    Args:
        number: of threads; None: as many as there are idle cores, up to the number torch started with, which is that of
            all cores unless OMP_NUM_THREADS says otherwise.
    """

    def __init__(self, number: int | None):
        self.number = number
        self.before = torch.get_num_threads()
        self.last = usage()
        self.has_shrunk = False

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Take the threads."""
        self.before = torch.get_num_threads()
        if self.number is not None:
            torch.set_num_threads(self.number)
        elif stage == "fit" and self.before > 1:
            self.last = usage()
            time.sleep(FIRST_LOOK)
            self.adapt(usage())

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, _: int) -> None:
        """Look again, if it is time."""
        if self.number is None and self.before > 1 and time.perf_counter() - self.last.clock > SECONDS:
            self.adapt(usage())

    def adapt(self, now: Usage) -> None:
        """Take as many threads as there were idle cores since the last look."""
        idle = idle_cores(self.last, now, len(_allowed(psutil.cpu_count() or 1)))
        self.last = now
        threads = min(self.before, idle)
        if threads < self.before and not self.has_shrunk:
            self.has_shrunk = True
            log.info("%d of %d threads for the time being: other programs use the cores.", threads, self.before)
        torch.set_num_threads(threads)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Give the threads back."""
        torch.set_num_threads(self.before)

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Give the threads back."""
        torch.set_num_threads(self.before)
