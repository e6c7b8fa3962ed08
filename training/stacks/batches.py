"""Batches of a stack: a batch of each of its nets, side by side."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

import torch
from torch import Tensor

from cells.draws import Counts
from datamodules.batches import Batches


class StackedBatch(NamedTuple):
    """A batch of each of K nets, padded with zeros.

    Attributes:
        samples: `[K]` int64, the number of each net's samples.
        own: a text or market batch whose fields have a leading K, such as `tokens [K, B, T]`.
        places: of texts on a device, the packed rows of a net for which there is room; 0 elsewhere.
        counts: of texts, for how much of the batch random numbers are drawn.
        is_large: of texts on a device, whether a step's kernels take longer than starting them, so that recording the
            step gains nothing.
    """

    samples: Tensor
    own: Any
    places: int = 0
    counts: Counts | None = None
    is_large: bool = False

    @property
    def real(self) -> Tensor:
        """`[K, B]`: true where there is a sample, false where there is padding."""
        rows = torch.arange(self.own.targets.size(1), device=self.samples.device)
        return rows < self.samples.unsqueeze(1)


class StackedBatches:
    """The batches of K nets side by side, each net's in its own order; a net that runs out of batches gets empty ones.

    Args:
        parts: the batches of each net; a net that is removed from this list takes no further part.
        first_epoch: the number of the first epoch.
    """

    batch_sampler = None  # Lightning asks for this wherever there is a sampler

    def __init__(self, parts: Sequence[Batches[Any]], first_epoch: int = 0):
        self.parts = list(parts)
        self.first_epoch = first_epoch
        self.set_epoch(0)

    @property
    def sampler(self) -> "StackedBatches":
        """The object on which Lightning calls `set_epoch` before each epoch."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next, counted from `first_epoch`."""
        for part in self.parts:
            part.set_epoch(self.first_epoch + epoch)

    def __len__(self) -> int:
        return max(map(len, self.parts))

    def __iter__(self) -> Iterator[StackedBatch]:
        for batches in zip_longest(*self.parts):
            yield side_by_side(batches)


def side_by_side(batches: Sequence[Any]) -> StackedBatch:
    """Join batches, which are named tuples of tensors, with a leading K and padded with zeros; None is an empty one."""
    first = next(batch for batch in batches if batch is not None)
    columns = zip(*((None,) * len(first) if batch is None else batch for batch in batches), strict=True)
    numbers = [0 if batch is None else len(batch.targets) for batch in batches]
    samples = torch.tensor(numbers, device=first.targets.device)
    return StackedBatch(samples, type(first)(*map(_padded, columns)))


def _padded(tensors: Sequence[Tensor | None]) -> Tensor:
    """Stack tensors of different sizes, each from the first index on in every dimension, zero elsewhere."""
    there = [(k, tensor) for k, tensor in enumerate(tensors) if tensor is not None]
    shape = [max(sizes) for sizes in zip(*(tensor.shape for _, tensor in there), strict=True)]
    result = there[0][1].new_zeros(len(tensors), *shape)
    for k, tensor in there:
        corner = result[k]
        for dim, size in enumerate(tensor.shape):
            corner = corner.narrow(dim, 0, size)
        corner.copy_(tensor)
    return result
