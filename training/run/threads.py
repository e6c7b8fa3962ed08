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

from cells import LSTM
from cells.llvm import threads as loops
from cells.stack import StackedLSTM

log = logging.getLogger("lstm-cs")

SECONDS = 1.0  # between two looks at the cores
LEAST = 0.1  # seconds between them in which enough can be seen
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
    """The cores that this process may use, where the system says so, of those that are counted."""
    every = set(range(cores))
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else every
    return (allowed & every) or every


def idle_cores(before: Usage, after: Usage, cores: int) -> int:
    """How many of the cores nobody else used between the two moments; 1 at least."""
    others = ((after.everybody - before.everybody) - (after.own - before.own)) / (after.clock - before.clock)
    return max(1, math.floor(cores - others + TOLERATED))


class Threads(Callback):
    """The threads of a run; what torch had before comes back afterwards.

    A thread that shares its core keeps its whole team waiting, several times in every step: two threads beside one
    busy program were 2 to 20 times slower than one thread (benchmarks/README.md). So the loops of a net's cells have
    only the idle cores, looked at once a second. Torch's own operations have one thread beside them: small as they are,
    they gain nothing from more, and the last digits of their sums would depend on it. So a run's numbers do not depend
    on what else the machine does. Nets without cells (BERT) have all threads always, for the same reason.

    Args:
        number: of threads at most; None: what torch started with, which is all cores unless OMP_NUM_THREADS says
            otherwise, and fewer while other programs want them.
    """

    def __init__(self, number: int | None):
        self.number = number
        self.before = torch.get_num_threads()
        self.last = usage()
        self.adapts = self.has_shrunk = False

    @property
    def most(self) -> int:
        """The number of threads when the machine has nothing else to do."""
        return self.number or self.before

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Take the threads."""
        self.before = torch.get_num_threads()
        has_cells = any(isinstance(module, LSTM | StackedLSTM) for module in pl_module.modules())
        torch.set_num_threads(1 if has_cells else self.most)
        loops.use(self.most, self.most)
        self.adapts = has_cells and self.number is None and self.most > 1
        if self.adapts:
            time.sleep(max(0.0, self.last.clock + LEAST - time.perf_counter()))
            self.adapt(usage())

    def on_train_batch_start(self, *_: Any) -> None:
        """Look again, if it is time."""
        self._look()

    def on_validation_batch_start(self, *_: Any) -> None:
        """Look again, if it is time."""
        self._look()

    def on_test_batch_start(self, *_: Any) -> None:
        """Look again, if it is time."""
        self._look()

    def _look(self) -> None:
        if self.adapts and time.perf_counter() - self.last.clock > SECONDS:
            self.adapt(usage())

    def adapt(self, now: Usage) -> None:
        """Take as many threads as there were idle cores since the last look."""
        idle = idle_cores(self.last, now, len(_allowed(psutil.cpu_count() or 1)))
        self.last = now
        loops.use(self.most, idle)
        if idle < self.most and not self.has_shrunk:
            self.has_shrunk = True
            log.info("%d of %d threads for the time being: other programs use the cores.", idle, self.most)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Give the threads back."""
        self._give_back()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Give the threads back."""
        self._give_back()

    def _give_back(self) -> None:
        torch.set_num_threads(self.before)
        loops.as_torch()
