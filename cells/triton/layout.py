"""Where the packed rows of K models lie, as tables that a kernel reads."""

import functools
import itertools
from typing import NamedTuple

import torch
from torch import Tensor

Sizes = tuple[tuple[int, ...], ...]
"""For each model, how many rows are running at each step."""


class Layout(NamedTuple):
    """The tables of a batch.

    Attributes:
        starts: [K, T + 4] int32: at t + 2 the first row of step t. The places around them are only looked up.
        lengths: [K, B] int32: the steps of each row, longest first.
        steps: T.
        batch: B, the largest number of rows of a model at its first step.
        full: whether all models have equally many packed rows, so that none is left over.
    """

    starts: Tensor
    lengths: Tensor
    steps: int
    batch: int
    full: bool


@functools.lru_cache(maxsize=256)
def layout(sizes: Sizes, rows: int, device: torch.device) -> Layout:
    """The layout of `rows` places for each model, kept for the next batch of the same sizes."""
    running = [tuple(n for n in own if n) for own in sizes]  # a batch may be padded beyond its longest row
    steps, batch = max(map(len, running)), max(own[0] if own else 0 for own in running)
    starts = torch.zeros(len(sizes), steps + 4, dtype=torch.int32, device="cpu")
    lengths = torch.zeros(len(sizes), batch, dtype=torch.int32, device="cpu")
    for k, own in enumerate(running):
        first = [0, *itertools.accumulate(own)][:-1]
        starts[k, 2 : 2 + len(own)] = torch.tensor(first, dtype=torch.int32, device="cpu")
        for n in own:
            lengths[k, :n] += 1
    full = all(sum(own) == rows for own in running)
    return Layout(starts.to(device), lengths.to(device), steps, batch, full)
