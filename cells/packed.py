"""Batches that hold real steps only: nothing is computed, stored or moved for padding."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from cells.draws import Counts
from cells.lengths import check_lengths


class Packed(NamedTuple):
    """How the real steps of a padded batch [B, T], or of a batch for each of K models, lie as rows.

    Rows lie as in a PackedSequence: the longest sample first, all rows of step 0, then those of step 1, and so on. Each
    of K models has N rows; where it has fewer real steps, the remaining rows point at place 0 and are ignored.

    Attributes:
        places: [K N], where each row is in the flattened [K B T].
        owners: [K N], the sample of each row, in the flattened [K B].
        by_sample: indices of all real steps among the flattened rows, ordered by sample; behind them there may be those
            of rows that are ignored.
        targets: where each row of `by_sample` goes in the flattened [K B T]; one behind its end for what is ignored.
        lengths: of the samples, [B] or [K, B].
        steps: T.
        counts: for how much of the batch random numbers are drawn; None where only the device knows, and they are there
            already.
        sizes: for each model, the number of rows running at each step that has any; None where only the device knows.
    """

    places: Tensor
    owners: Tensor
    by_sample: Tensor
    targets: Tensor
    lengths: Tensor
    steps: int
    counts: Counts | None
    sizes: list[list[int]] | None

    def pick(self, values: Tensor) -> Tensor:
        """The rows `[N, ..]` or `[K, N, ..]` of `values [B, T, ..]` or `[K, B, T, ..]`."""
        dims = self.lengths.dim()
        rows = values.flatten(0, dims).index_select(0, self.places)
        return rows.unflatten(0, (*self.lengths.shape[:-1], -1))

    def pad(self, rows: Tensor) -> Tensor:
        """The inverse of `pick`: zero where there is no step."""
        flat = rows.flatten(0, self.lengths.dim() - 1)
        places = self.lengths.numel() * self.steps
        padded = flat.new_zeros(places + 1, *flat.shape[1:])
        padded = padded.index_copy(0, self.targets, flat.index_select(0, self.by_sample))
        return padded[:places].unflatten(0, (*self.lengths.shape, self.steps))

    def sequence(self, rows: Tensor) -> "PackedSequence | StackedSequence":
        """The input of an LSTM: `rows [N, F]` as a PackedSequence, `rows [K, N, F]` as a StackedSequence."""
        if self.lengths.dim() == 1:
            assert self.sizes is not None
            return PackedSequence(rows, torch.tensor(self.sizes[0] or [0], device="cpu"))
        return StackedSequence(rows, self)


class StackedSequence(NamedTuple):
    """Rows `data [K, N, F]` of K models, and how they lie."""

    data: Tensor
    packed: Packed


def packed(
    lengths: Tensor, steps: int, device: torch.device | None = None, samples: Sequence[int] | None = None
) -> Packed:
    """How the real steps of a batch lie as rows.

    Args:
        lengths: of the samples, [B], or [K, B] of K models; int64, from 0 to T. They are read on the CPU: on a GPU,
            lengths that are there already save it a wait.
        steps: T.
        device: of the rows; None: that of the lengths.
        samples: of each model, where the last ones are padding; None: B.

    Raises:
        ValueError: the lengths are not what they should be.
    """
    own = lengths.cpu()
    check_lengths(own, steps, list(own.shape))
    own = own.view(own.shape[:-1].numel(), own.size(-1))
    on_cpu = own.device
    models, batch = own.shape
    own, order = torch.sort(own, dim=1, descending=True, stable=True)
    step = torch.arange(int(own.max()) if own.numel() else 0, device=on_cpu).unsqueeze(1)
    real = step < own.unsqueeze(1)  # [K, T', B]
    sizes = real.sum(2)
    owners = (torch.arange(models, device=on_cpu).view(models, 1, 1) * batch + order.unsqueeze(1)).expand(real.shape)
    places = owners * steps + step
    counts = sizes.sum(1)
    most = int(counts.max())
    there = torch.arange(most, device=on_cpu) < counts.unsqueeze(1)  # [K, N]
    rows = torch.nonzero(there.flatten()).squeeze(1)
    by_sample = rows[places[real].argsort()]
    device = device or lengths.device
    flat_places, flat_owners = (
        torch.zeros(there.shape, dtype=torch.int64, device=on_cpu).masked_scatter(there, of[real]).flatten().to(device)
        for of in (places, owners)
    )
    by_sample, lengths = by_sample.to(device), lengths.to(device)
    running = [[n for n in of_model if n] for of_model in sizes.tolist()]
    first = [sum(of_model[:1]) for of_model in running]
    drawn = Counts([batch] * models if samples is None else samples, counts.tolist(), first, batch, most)
    targets = flat_places.index_select(0, by_sample)
    return Packed(flat_places, flat_owners, by_sample, targets, lengths, steps, drawn, running)


def packed_on_device(lengths: Tensor, steps: int, places: int, counts: Counts | None) -> Packed:
    """`packed` where the lengths [K, B] are, in operations whose shapes do not follow from them.

    So nothing waits for a GPU, and a CUDA graph can hold it.

    Args:
        lengths: int64, from 0 to T, which is not checked: that would be a wait.
        steps: T.
        places: N, at least the number of real steps of each model.
        counts: see `Packed`.
    """
    models, batch = lengths.shape
    step, model, row = (torch.arange(n, device=lengths.device) for n in (steps, models, places))
    model = model.unsqueeze(1)
    own, order = torch.sort(lengths, dim=1, descending=True, stable=True)
    sizes = (step.unsqueeze(1) < own.unsqueeze(1)).sum(2)  # [K, T]
    ends = sizes.cumsum(1)
    row = row.expand(models, places)
    real = row < ends[:, -1:]
    at = torch.searchsorted(ends, row.contiguous(), right=True).clamp(max=steps - 1)  # the step of each row
    rank = torch.where(real, row - (ends - sizes).gather(1, at), 0)
    owners = order.gather(1, rank) + model * batch
    flat = lengths.flatten()
    first = (flat.cumsum(0) - flat).index_select(0, owners.flatten()).view_as(owners)
    others = (~real).flatten().cumsum(0).view_as(real) - 1
    position = torch.where(real, first + at, flat.sum() + others).flatten()  # real rows by sample, then the others
    by_sample = torch.zeros_like(position).scatter(0, position, torch.arange(len(position), device=position.device))
    targets = torch.where(real, owners * steps + at, lengths.numel() * steps).flatten().index_select(0, by_sample)
    flat_places, flat_owners = (torch.where(real, of, 0).flatten() for of in (owners * steps + at, owners))
    return Packed(flat_places, flat_owners, by_sample, targets, lengths, steps, counts, None)
