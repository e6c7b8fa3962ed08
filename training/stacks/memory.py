"""How many nets fit into the memory at once: measured on a card, estimated on a CPU."""

import logging
from collections.abc import Sequence

import psutil
import torch
from torch import nn

from cells import LSTM
from training.stacks.measured import Allocator, CudaAllocator, nets_that_fit
from training.stacks.stacked_run import StackedRun

log = logging.getLogger("lstm-cs")

SHARE = 0.5
"""The part of the free memory that an estimate uses: it leaves out what libraries and recorded steps keep."""

COPIES = 5
"""Copies of a net's weights in memory: the weights, their gradient, Adam's two averages, and the best epoch's."""


def split_by_memory(runs: Sequence[StackedRun]) -> list[Sequence[StackedRun]]:
    """Split runs into as few stacks as fit into the memory, of about equal size."""
    largest = max(runs, key=_bytes)
    most = (len(runs) > 1 and _measured(largest)) or max(1, int(SHARE * _free_bytes() / _bytes(largest)))
    stacks = -(-len(runs) // most)
    size = -(-len(runs) // stacks)
    log.info("%d nets in %d stack%s.", len(runs), stacks, "s" if stacks > 1 else "")
    return [runs[k : k + size] for k in range(0, len(runs), size)]


def _measured(run: StackedRun) -> int:
    """How many nets like a run's fit into the card; 0 where there is none, or where that cannot be measured."""
    if not (card := _card()):
        return 0
    try:
        return nets_that_fit(run, *card)
    except torch.OutOfMemoryError:
        log.info("How many nets fit into the card could not be measured, as two did not: it is estimated.")
        return 0


def _card() -> tuple[torch.device, Allocator] | None:
    """The device that the nets will be on, if its allocator counts."""
    return (torch.device("cuda"), CudaAllocator()) if torch.cuda.is_available() else None


def _bytes(run: StackedRun) -> int:
    """The memory that a net takes while it is trained on a batch of the longest samples."""
    weights = sum(p.numel() * p.element_size() for p in run.net.parameters())
    return COPIES * weights + run.config.batch_size * run.problem.longest * _bytes_per_step(run.net)


def _bytes_per_step(net: nn.Module) -> int:
    """The memory for one step of one sample.

    Each LSTM keeps its input (I numbers), the tensor that it came from (I more), and 4 H gates, c and h for each of D
    directions; and as much again for their gradients. The noise of its cells has no gradients.
    """
    total = 0
    for part in net.modules():
        if isinstance(part, LSTM):
            directions = 2 if part.bidirectional else 1
            item = part.get_parameter("weight_ih_l0").element_size()
            noise = directions * part.hidden_size * len(part.recurrence.step.cell.noise)
            total += item * (2 * (2 * part.input_size + 6 * directions * part.hidden_size) + noise)
    return total


def _free_bytes() -> int:
    """The free memory of the device that the nets will be on, other processes considered."""
    if torch.cuda.is_available():
        free, _ = torch.cuda.mem_get_info()
        return free
    return psutil.virtual_memory().available
