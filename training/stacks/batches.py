"""Batches of several data modules side by side."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

import torch
from torch import Tensor

from datamodules.batches import Batches
from training.stacks.tasks import StackedBatch


class StackedBatches:
    """A batch of each of K parts at a time, in the order that each has of its own; where one ends first, it is empty.

    Args:
        parts: of the K models; what is taken out of this list takes no part any more.
        first_epoch: which epoch is the first.
    """

    batch_sampler = None  # where there is a sampler, Lightning asks for this as well

    def __init__(self, parts: Sequence[Batches[Any]], first_epoch: int = 0):
        self.parts = list(parts)
        self.first_epoch = first_epoch
        self.set_epoch(0)

    @property
    def sampler(self) -> "StackedBatches":
        """What Lightning calls `set_epoch` on before each epoch."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose orders come next, counted from the first."""
        for part in self.parts:
            part.set_epoch(self.first_epoch + epoch)

    def __len__(self) -> int:
        return max(map(len, self.parts))

    def __iter__(self) -> Iterator[StackedBatch]:
        for batches in zip_longest(*self.parts):
            yield side_by_side(batches)


def side_by_side(batches: Sequence[Any]) -> StackedBatch:
    """Named tuples of tensors as one, padded with zeros; None is an empty one."""
    first = next(batch for batch in batches if batch is not None)
    columns = zip(*((None,) * len(first) if batch is None else batch for batch in batches), strict=True)
    samples = torch.tensor([0 if batch is None else len(batch.targets) for batch in batches])
    return StackedBatch(samples, type(first)(*map(_padded, columns)))


def _padded(tensors: Sequence[Tensor | None]) -> Tensor:
    """Stacked, each in the corner of its place."""
    there = [(k, tensor) for k, tensor in enumerate(tensors) if tensor is not None]
    shape = [max(sizes) for sizes in zip(*(tensor.shape for _, tensor in there), strict=True)]
    result = there[0][1].new_zeros(len(tensors), *shape)
    for k, tensor in there:
        corner = result[k]
        for dim, size in enumerate(tensor.shape):
            corner = corner.narrow(dim, 0, size)
        corner.copy_(tensor)
    return result
