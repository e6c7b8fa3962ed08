"""The mean of a number over the samples of an epoch."""

import torch
from torch import Tensor


class EpochMean:
    """A mean over the samples of an epoch, from the means of its batches; much cheaper per batch than a metric.

    For K nets trained as one, means and numbers of samples are `[K]`, and so is the result.
    """

    def __init__(self) -> None:
        self._batches: list[tuple[Tensor, Tensor | int]] = []

    def update(self, mean: Tensor, samples: Tensor | int) -> None:
        """Add a batch: its mean and its number of samples."""
        self._batches.append((mean, samples))

    def compute(self) -> Tensor:
        """The mean so far; the next batch begins a new one."""
        means = torch.stack([mean for mean, _ in self._batches])
        samples = torch.stack([torch.as_tensor(samples) for _, samples in self._batches]).to(means)
        self._batches = []
        return (means * samples).sum(0) / samples.sum(0)
