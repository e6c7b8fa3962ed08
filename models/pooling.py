"""Pooling: from the steps of a document to one vector."""

import torch
from torch import Tensor

from cells.packed import Packed


def max_and_mean(x: Tensor, lengths: Tensor) -> Tensor:
    """Max and mean of `x [B, T, F]` over each row's real steps, side by side: `[B, 2F]`; zeros if it has none."""
    step = torch.arange(x.size(1), device=x.device)
    padding = (step >= lengths.unsqueeze(1)).unsqueeze(2)
    highest = x.masked_fill(padding, -float("inf")).amax(1)
    highest = highest.masked_fill((lengths == 0).unsqueeze(1), 0.0)
    mean = x.masked_fill(padding, 0.0).sum(1) / lengths.clamp(min=1).unsqueeze(1).to(x.dtype)
    return torch.cat([highest, mean], 1)


def max_and_mean_of_rows(x: Tensor, layout: Packed) -> Tensor:
    """`max_and_mean` of packed steps: `x [N, F]` to `[B, 2F]`, or `x [K, N, F]` of K nets to `[K, B, 2F]`."""
    lengths = layout.lengths.flatten()
    steps = x.flatten(0, -2).index_select(0, layout.by_sample)
    pooled = [torch.segment_reduce(steps, by, lengths=lengths, unsafe=True) for by in ("max", "mean")]
    both = torch.where((lengths > 0).unsqueeze(1), torch.cat(pooled, 1), 0.0)
    return both.unflatten(0, layout.lengths.shape)
