"""A layout that is computed where the lengths are, and the one that is read from them: the same but for its padding."""

import pytest
import torch
from torch import Tensor

from cells.packed import packed, packed_on_device
from models.pooling import max_and_mean_of_rows

T = 7
LENGTHS = torch.tensor([[7, 3, 0, 5, 1], [0, 0, 0, 0, 0], [2, 2, 7, 7, 4]])


@pytest.mark.parametrize("lengths", [LENGTHS, LENGTHS[1:2], LENGTHS[2:]], ids=["ragged", "none", "one"])
@pytest.mark.parametrize("more", [0, 6])
def test_the_layouts_are_the_same_but_for_their_padding(lengths: Tensor, more: int) -> None:
    read = packed(lengths, T)
    assert read.counts is not None
    places = max(1, read.counts.places) + more
    there = packed_on_device(lengths, T, places, None)
    for field in ("places", "owners"):
        one, other = (getattr(layout, field).view(len(lengths), -1) for layout in (read, there))
        assert all(torch.equal(one[k, :n], other[k, :n]) for k, n in enumerate(read.counts.rows)), field
    values = torch.randn(*lengths.shape, T, 3, dtype=torch.float64)
    real = (torch.arange(T) < lengths.unsqueeze(2)).unsqueeze(3)
    assert torch.equal(there.pad(there.pick(values)), values * real)


def test_rows_behind_the_real_ones_are_neither_pooled_nor_padded() -> None:
    values = torch.randn(*LENGTHS.shape, T, 3, dtype=torch.float64)
    read, there = packed(LENGTHS, T), packed_on_device(LENGTHS, T, 25, None)
    rows = there.pick(values)
    for own, n in zip(rows, LENGTHS.sum(1).tolist(), strict=True):
        own[n:] = float("nan")
    rows.requires_grad_()
    pooled = max_and_mean_of_rows(rows, there)
    assert torch.equal(pooled, max_and_mean_of_rows(read.pick(values), read))
    (pooled.sum() + there.pad(rows).sum()).backward()
    assert rows.grad is not None
    assert all((own[n:] == 0).all() for own, n in zip(rows.grad, LENGTHS.sum(1).tolist(), strict=True))
