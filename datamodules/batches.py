"""Batches cut from tensors in memory, where Lightning expects a DataLoader."""

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

Batch = TypeVar("Batch")


class Batches(Generic[Batch]):
    """The batches of one part, as often as they are asked for; the last one may be smaller.

    Workers and collation would only copy what lies ready.

    Args:
        cut: rows `[B]` -> a batch.
        rows: those of this part.
        batch_size: B.
        seed: shuffles `rows` anew each epoch, as a function of (seed, epoch) alone, so that an interrupted
            run resumes with the batches it would have seen; None keeps their order.
    """

    batch_sampler = None  # where there is a sampler, Lightning asks for this as well

    def __init__(self, cut: Callable[[Tensor], Batch], rows: Tensor, batch_size: int, seed: int | None = None):
        self.cut = cut
        self.rows = rows
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0

    @property
    def sampler(self) -> "Batches[Batch]":
        """What Lightning calls `set_epoch` on before each epoch."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next."""
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
