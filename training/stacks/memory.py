"""How many nets fit into the memory at once."""

import logging
from collections.abc import Sequence

import psutil
import torch
from torch import nn

from cells import LSTM
from training.stacks.member import StackedRun

log = logging.getLogger("lstm-cs")

SHARE = 0.5
"""Of the memory that is free: what is estimated leaves out what libraries keep for themselves."""

COPIES = 5
"""Of a net's weights: they, their gradient, two moments of Adam, and those of the best epoch."""


def affordable(runs: Sequence[StackedRun]) -> list[Sequence[StackedRun]]:
    """The runs in as many stacks as the memory asks for, of about equal size."""
    each = max(_bytes(run) for run in runs)
    most = max(1, int(SHARE * _free() / each))
    stacks = -(-len(runs) // most)
    size = -(-len(runs) // stacks)
    log.info("%d nets of about %.0f MB each in %d stack%s.", len(runs), each / 1e6, stacks, "s" if stacks > 1 else "")
    return [runs[k : k + size] for k in range(0, len(runs), size)]


def _bytes(run: StackedRun) -> int:
    """Of one net while it is trained on a batch of the longest samples."""
    weights = sum(p.numel() * p.element_size() for p in run.net.parameters())
    return COPIES * weights + run.config.batch_size * run.problem.longest * _each_step(run.net)


def _each_step(net: nn.Module) -> int:
    """Bytes for a step of a sample, with gradients: of each LSTM its input I and what it is made of, I again; of each
    of D directions 4 H gates, c and h."""
    total = 0
    for part in net.modules():
        if isinstance(part, LSTM):
            directions = 2 if part.bidirectional else 1
            item = part.get_parameter("weight_ih_l0").element_size()
            total += 2 * item * (2 * part.input_size + 6 * directions * part.hidden_size)
    return total


def _free() -> int:
    """Of the memory that the nets will be in, those of other processes not counted."""
    if torch.cuda.is_available():
        free, _ = torch.cuda.mem_get_info()
        return free
    return psutil.virtual_memory().available
