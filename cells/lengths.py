"""The lengths of the rows of a padded batch, read and checked in one place. TorchScript compiles `check_lengths`."""

from collections.abc import Sequence

import torch
from torch import Tensor


def as_lengths(lengths: Tensor | Sequence[int]) -> Tensor:
    """Lengths that came as a list, as the tensor that they would have been."""
    found = torch.as_tensor(lengths, device="cpu")
    return found if found.numel() else found.long()  # torch takes an empty list for one of floats


def check_lengths(lengths: Tensor, steps: int, shape: list[int]) -> None:
    """Raise ValueError unless the lengths are int64 of this shape, on the CPU, from 0 to T = `steps`."""
    if lengths.dtype != torch.int64 or list(lengths.shape) != shape:
        got = f"{lengths.dtype} of shape {list(lengths.shape)}"
        raise ValueError(f"lengths must be int64 of shape {shape}, not {got}")
    if lengths.numel() > 0 and (int(lengths.max()) > steps or int(lengths.min()) < 0):
        raise ValueError(f"lengths must be from 0 to T = {steps}, not {int(lengths.min())} to {int(lengths.max())}")
