"""Autocast, answered as `torch.nn.LSTM` answers it: inputs, states, weights and results in the lower precision."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn


def lower_dtype(device: torch.device) -> torch.dtype | None:
    """The dtype of autocast on this device; None where autocast is off."""
    if torch._C._is_any_autocast_enabled() and torch.amp.is_autocast_available(device.type):
        return torch.get_autocast_dtype(device.type) if torch.is_autocast_enabled(device.type) else None
    return None


def cast(tensors: Sequence[Tensor | None], dtype: torch.dtype) -> list[Tensor]:
    """The tensors in this dtype, but for those that autocast leaves alone: float64 and None."""
    return [tensor if tensor is None or tensor.dtype == torch.float64 else tensor.to(dtype) for tensor in tensors]  # type: ignore[misc]


def suspended(recurrence: nn.Module, dtype: torch.dtype | None, rows: Tensor) -> AbstractContextManager[None]:
    """A context without autocast, where all that a recurrence computes with is in its dtype already.

    A user's module may have tensors of another one. Then autocast stays on, and the loop runs in Python: TorchScript
    keeps the casts of its first call for later ones, also where autocast is off.
    """
    if dtype is None or rows.dtype != dtype or next(recurrence.parameters(), None) is not None:
        return nullcontext()
    suspension: AbstractContextManager[None] = torch.autocast(rows.device.type, enabled=False)
    return suspension
