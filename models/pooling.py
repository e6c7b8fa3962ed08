"""From the steps of a document to one vector."""

import torch
from torch import Tensor


def max_and_mean(x: Tensor, lengths: Tensor) -> Tensor:
    """Max and mean of `x [B, T, F]` over each row's real steps, side by side: `[B, 2F]`; zeros where there is none."""
    step = torch.arange(x.size(1), device=x.device)
    padding = (step >= lengths.unsqueeze(1)).unsqueeze(2)
    highest = x.masked_fill(padding, -float("inf")).amax(1)
    highest = highest.masked_fill((lengths == 0).unsqueeze(1), 0.0)
    mean = x.masked_fill(padding, 0.0).sum(1) / lengths.clamp(min=1).unsqueeze(1).to(x.dtype)
    return torch.cat([highest, mean], 1)
