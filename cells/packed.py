"""Batches that hold real steps only: nothing is computed, stored or moved for padding."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from cells.lengths import check_lengths


class Packed(NamedTuple):
    """How the real steps of a padded batch [B, T], or of a batch for each of K models, lie as rows.

    Rows lie as in a PackedSequence: the longest sample first, all rows of step 0, then those of step 1, and so on. Each
    of K models has N rows; where it has fewer real steps, the remaining rows point at place 0 and are ignored.

    Attributes:
        places: [K N], where each row is in the flattened [K B T].
        owners: [K N], the sample of each row, in the flattened [K B].
        by_sample: indices of all real steps among the flattened rows, ordered by sample.
        present: the samples that have a step, in the flattened [K B].
        lengths: of the samples, [B] or [K, B].
        steps: T.
        sizes: for each model, the number of rows running at each step that has any.
    """

    places: Tensor
    owners: Tensor
    by_sample: Tensor
    present: Tensor
    lengths: Tensor
    steps: int
    sizes: list[list[int]]

    def pick(self, values: Tensor) -> Tensor:
        """The rows `[N, ..]` or `[K, N, ..]` of `values [B, T, ..]` or `[K, B, T, ..]`."""
        dims = self.lengths.dim()
        rows = values.flatten(0, dims).index_select(0, self.places)
        return rows.unflatten(0, (*self.lengths.shape[:-1], -1))

    def pad(self, rows: Tensor) -> Tensor:
        """The inverse of `pick`: zero where there is no step."""
        flat = rows.flatten(0, self.lengths.dim() - 1)
        places = self.places.index_select(0, self.by_sample)
        padded = flat.new_zeros(self.lengths.numel() * self.steps, *flat.shape[1:])
        padded = padded.index_copy(0, places, flat.index_select(0, self.by_sample))
        return padded.unflatten(0, (*self.lengths.shape, self.steps))

    def sequence(self, rows: Tensor) -> "PackedSequence | StackedSequence":
        """The input of an LSTM: `rows [N, F]` as a PackedSequence, `rows [K, N, F]` as a StackedSequence."""
        if self.lengths.dim() == 1:
            return PackedSequence(rows, torch.tensor(self.sizes[0] or [0], device="cpu"))
        return StackedSequence(rows, self)


class StackedSequence(NamedTuple):
    """Rows `data [K, N, F]` of K models, and how they lie."""

    data: Tensor
    packed: Packed


def packed(lengths: Tensor, steps: int, device: torch.device | None = None) -> Packed:
    """How the real steps of a batch lie as rows.

    Args:
        lengths: of the samples, [B], or [K, B] of K models; int64, from 0 to T. They are read on the CPU: on a GPU,
            lengths that are there already save it a wait.
        steps: T.
        device: of the rows; None: that of the lengths.

    Raises:
        ValueError: they are not.
    """
    own = lengths.cpu()
    check_lengths(own, steps, list(own.shape))
    present = own.flatten().nonzero().squeeze(1)
    own = own.view(-1, own.size(-1))
    on_cpu = own.device
    models, batch = own.shape
    own, order = torch.sort(own, dim=1, descending=True, stable=True)
    step = torch.arange(int(own.max()), device=on_cpu).unsqueeze(1)
    real = step < own.unsqueeze(1)  # [K, T', B]
    sizes = real.sum(2)
    owners = (torch.arange(models, device=on_cpu).view(models, 1, 1) * batch + order.unsqueeze(1)).expand(real.shape)
    places = owners * steps + step
    counts = sizes.sum(1)
    there = torch.arange(int(counts.max()), device=on_cpu) < counts.unsqueeze(1)  # [K, N]
    rows = torch.nonzero(there.flatten()).squeeze(1)
    by_sample = rows[places[real].argsort()]
    device = device or lengths.device
    flat_places, flat_owners = (
        torch.zeros(there.shape, dtype=torch.int64, device=on_cpu).masked_scatter(there, of[real]).flatten().to(device)
        for of in (places, owners)
    )
    running = [[n for n in of_model if n] for of_model in sizes.tolist()]
    by_sample, present, lengths = by_sample.to(device), present.to(device), lengths.to(device)
    return Packed(flat_places, flat_owners, by_sample, present, lengths, steps, running)
