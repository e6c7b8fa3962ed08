"""Where the packed rows of K models lie, as tables that a kernel reads."""

import functools
import itertools
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from cells.packed import Packed

Sizes = tuple[tuple[int, ...], ...]
"""For each model, how many rows are running at each step."""


class Layout(NamedTuple):
    """The tables of a batch.

    Attributes:
        starts: [K, T + 4] int32: at t + 2 the first row of step t. The places around them are only looked up.
        lengths: [K, B] int32: the steps of each row, longest first.
        steps: T.
        batch: B, at least the number of rows of a model at its first step.
        full: whether all models have equally many packed rows, so that none is left over.
    """

    starts: Tensor
    lengths: Tensor
    steps: int
    batch: int
    full: bool


@functools.lru_cache(maxsize=256)
def layout(sizes: Sizes, rows: int, device: torch.device, batch: int | None = None) -> Layout:
    """The layout of `rows` places for each model, kept for the next batch of the same sizes.

    B is `batch` if that is given, and else no larger than has to be.
    """
    running = [tuple(n for n in own if n) for own in sizes]  # a batch may be padded beyond its longest row
    steps = max(map(len, running))
    batch = max(own[0] if own else 0 for own in running) if batch is None else batch
    starts = torch.zeros(len(sizes), steps + 4, dtype=torch.int32, device="cpu")
    lengths = torch.zeros(len(sizes), batch, dtype=torch.int32, device="cpu")
    for k, own in enumerate(running):
        first = [0, *itertools.accumulate(own)][:-1]
        starts[k, 2 : 2 + len(own)] = torch.tensor(first, dtype=torch.int32, device="cpu")
        for n in own:
            lengths[k, :n] += 1
    full = all(sum(own) == rows for own in running)
    return Layout(starts.to(device), lengths.to(device), steps, batch, full)


def stacked_layout(packed: Packed, rows: int) -> Layout:
    """The layout of K models with `rows` places each; where only the device knows it, without waiting for that."""
    batch = packed.lengths.size(1)
    if packed.sizes is not None:
        return layout(tuple(map(tuple, packed.sizes)), rows, packed.places.device, batch)
    lengths = packed.lengths.sort(dim=1, descending=True).values
    step = torch.arange(packed.steps, device=lengths.device).unsqueeze(1)
    sizes = (step < lengths.unsqueeze(1)).sum(2)
    starts = F.pad(sizes.cumsum(1) - sizes, (2, 2))
    return Layout(starts.int(), lengths.int(), packed.steps, batch, full=False)
