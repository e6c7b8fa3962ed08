"""The number of threads of a run, which shrinks while other programs use the cores."""

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

INTERVAL = 1.0
"""Seconds between two looks at the cores."""

SHORTEST_INTERVAL = 0.1
"""The shortest time, in seconds, between two looks that are compared."""

TOLERATED_LOAD = 0.25
"""The share of a core that other programs, such as an open TensorBoard, may use while it still counts as idle."""


class Usage(NamedTuple):
    """Seconds up to now: by the clock, of CPU time of all processes on the cores we may use, and of this process."""

    clock: float
    everybody: float
    own: float


def usage() -> Usage:
    """The usage at this moment; only the difference of two of them means something."""
    fields = ("user", "nice", "system", "irq", "softirq", "steal")
    cores = psutil.cpu_times(percpu=True)
    everybody = sum(getattr(cores[core], field, 0.0) for core in _allowed(len(cores)) for field in fields)
    return Usage(time.perf_counter(), everybody, time.process_time())


def _allowed(cores: int) -> set[int]:
    """The cores that this process may use, of those that are counted; all of them if the system does not say."""
    every = set(range(cores))
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else every
    return (allowed & every) or every


def idle_cores(before: Usage, after: Usage, cores: int) -> int:
    """The number of cores that no other process used between the two moments; at least 1."""
    others = ((after.everybody - before.everybody) - (after.own - before.own)) / (after.clock - before.clock)
    return max(1, math.floor(cores - others + TOLERATED_LOAD))


class Threads(Callback):
    """Sets the threads of a run, and restores those that torch had before.

    A thread that shares its core keeps its whole team waiting, several times in every step: two threads beside one
    busy program were 2 to 20 times slower than one thread (benchmarks/README.md). So the loops of a net's cells get
    only the idle cores, counted once a second. Torch's own operations get one thread: they are too small to gain from
    more, and a changing number would change the last digits of their sums. So a run's numbers do not depend on what
    else the machine does. Nets without cells (BERT) always keep all threads, so their number does not change either.

    Args:
        number: of threads at most; None: the number that torch started with, which is all cores or OMP_NUM_THREADS,
            and fewer while other programs use them.
    """

    def __init__(self, number: int | None):
        self.number = number
        self.before = torch.get_num_threads()
        self.last = usage()
        self.adapts = self.has_shrunk = False

    @property
    def most(self) -> int:
        """The number of threads on an idle machine."""
        return self.number or self.before

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Set the threads."""
        self.before = torch.get_num_threads()
        has_cells = any(isinstance(module, LSTM | StackedLSTM) for module in pl_module.modules())
        torch.set_num_threads(1 if has_cells else self.most)
        loops.use(self.most, self.most)
        self.adapts = has_cells and self.number is None and self.most > 1
        if self.adapts:
            time.sleep(max(0.0, self.last.clock + SHORTEST_INTERVAL - time.perf_counter()))
            self.adapt(usage())

    def on_train_batch_start(self, *_: Any) -> None:
        """Count the idle cores again, if it is time."""
        self._look()

    def on_validation_batch_start(self, *_: Any) -> None:
        """Count the idle cores again, if it is time."""
        self._look()

    def on_test_batch_start(self, *_: Any) -> None:
        """Count the idle cores again, if it is time."""
        self._look()

    def _look(self) -> None:
        if self.adapts and time.perf_counter() - self.last.clock > INTERVAL:
            self.adapt(usage())

    def adapt(self, now: Usage) -> None:
        """Use as many threads as there were idle cores since the last look."""
        idle = idle_cores(self.last, now, len(_allowed(psutil.cpu_count() or 1)))
        self.last = now
        loops.use(self.most, idle)
        if idle < self.most and not self.has_shrunk:
            self.has_shrunk = True
            log.info("%d of %d threads for the time being: other programs use the cores.", idle, self.most)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Restore the threads."""
        self._restore()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Restore the threads."""
        self._restore()

    def _restore(self) -> None:
        torch.set_num_threads(self.before)
        loops.follow_torch()
