"""How many nets fit into a device: a few steps of one net and of two, as the device's allocator counts them."""

import functools
import gc
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from datamodules.batches import Batches
from training.stacks.batches import StackedBatch, side_by_side
from training.stacks.nets import stack_nets
from training.stacks.stacked_run import StackedRun
from training.stacks.stacked_task import Given
from training.stacks.tasks import stacked_task

SHARE = 0.9
"""The part of the free memory to use: an allocator's blocks do not fit without gaps."""

STEPS = 2
"""Steps that are tried: after the first one Adam's averages are there too."""


class Allocator(Protocol):
    """Counts the bytes of a device."""

    def begin(self) -> None:
        """Count from here on."""

    def taken(self) -> int:
        """Bytes that are taken now and were not at the beginning."""

    def most(self) -> int:
        """The most that were taken at once since the beginning."""

    def free(self) -> int:
        """Bytes that nobody has taken."""


class CudaAllocator:
    """See `Allocator`."""

    def begin(self) -> None:
        """By torch's own statistics."""
        self.before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()

    def taken(self) -> int:
        """See `Allocator`."""
        return torch.cuda.memory_allocated() - self.before

    def most(self) -> int:
        """See `Allocator`."""
        return torch.cuda.max_memory_allocated() - self.before

    def free(self) -> int:
        """Other processes' memory considered; tried nets and torch's own spare blocks are given back first."""
        gc.collect()
        torch.cuda.empty_cache()
        free, _ = torch.cuda.mem_get_info()
        return free


def nets_that_fit(run: StackedRun, device: torch.device, allocator: Allocator) -> int:
    """The number of nets like a run's that can be trained as one, at least 1.

    A stack of K takes a + K b bytes, by what the kernels of stacks of one and of two really allocate.

    Raises:
        torch.OutOfMemoryError: two nets do not fit.
    """
    one, two = (needed(run, nets, device, allocator) for nets in (1, 2))
    each = max(two - one, 1)
    return max(1, int((SHARE * allocator.free() - (one - each)) / each))


def needed(run: StackedRun, nets: int, device: torch.device, allocator: Allocator) -> int:
    """The bytes that so many nets like a run's take while they learn from batches of the longest samples.

    A recorded step keeps the memory that it works in, beside what other steps work in. Of a stack so large that its
    steps are not recorded this asks for too much, so that it may come out smaller than what would fit.
    """
    gc.collect()  # what was tried before, as Lightning's modules are in circles
    allocator.begin()
    tasks = [run.problem.task(run.net, run.config.lr)] * nets
    task = stacked_task(stack_nets([run.net] * nets), tasks, run.config.clip).to(device)
    task.seed([0] * nets)
    task.find_recorder()
    optimizer = task.configure_optimizers()
    batch = task.prepared(side_by_side([largest(run.problem.data.train_dataloader())] * nets))
    learn = functools.partial(task.learn, optimizer, Given(_moved(batch, device)))
    for _ in range(STEPS):
        if task.recorder:
            task.recorder.warm_up(learn)
        else:
            learn()
    resting, most = allocator.taken(), allocator.most()
    return most + (most - resting if task.recorder else 0)


def largest(batches: Batches[Any]) -> Any:
    """A batch of the longest samples."""
    rows = batches.rows
    cut = [batches.cut(chosen) for chosen in rows.split(batches.batch_size)]
    if hasattr(cut[0], "lengths"):
        lengths = torch.cat([batch.lengths for batch in cut])
        rows = rows[lengths.argsort(descending=True)]
    return batches.cut(rows[: batches.batch_size])


def _moved(batch: StackedBatch, device: torch.device) -> StackedBatch:
    moved: StackedBatch = pytree.tree_map_only(Tensor, lambda tensor: tensor.to(device), batch)
    return moved
