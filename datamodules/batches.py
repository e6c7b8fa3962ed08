"""Batches cut from tensors in memory, for use where Lightning expects a DataLoader."""

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

Batch = TypeVar("Batch")


class Batches(Generic[Batch]):
    """The batches of one part of the data; can be iterated any number of times. The last batch may be smaller.

    A DataLoader's workers and collation would only copy tensors that are in memory already.

    Args:
        cut: makes a batch of row numbers `[B]`.
        rows: row numbers of this part.
        batch_size: B.
        seed: shuffles `rows` anew each epoch. The order depends on (seed, epoch) alone, so that a resumed run sees
            the batches it would have seen without the interruption. None keeps the order of `rows`.
    """

    batch_sampler = None  # Lightning asks for this wherever there is a sampler

    def __init__(self, cut: Callable[[Tensor], Batch], rows: Tensor, batch_size: int, seed: int | None = None):
        self.cut = cut
        self.rows = rows
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0

    @property
    def sampler(self) -> "Batches[Batch]":
        """Itself: Lightning calls `sampler.set_epoch` before each epoch."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order the next iteration follows."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        rows = self.rows
        if self.seed is not None:
            order = np.random.default_rng((self.seed, self.epoch)).permutation(len(rows))
            rows = rows[torch.from_numpy(order)]
        for chosen in rows.split(self.batch_size):
            yield self.cut(chosen)
