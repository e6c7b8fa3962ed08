"""Autocast, answered as `torch.nn.LSTM` answers it: inputs, states, weights and results in the lower precision."""

from collections.abc import Sequence

import torch
from torch import Tensor


def lower_dtype(device: torch.device) -> torch.dtype | None:
    """The dtype of autocast on this device; None where autocast is off."""
    if torch._C._is_any_autocast_enabled() and torch.amp.is_autocast_available(device.type):
        return torch.get_autocast_dtype(device.type) if torch.is_autocast_enabled(device.type) else None
    return None


def cast(tensors: Sequence[Tensor | None], dtype: torch.dtype) -> list[Tensor]:
    """The tensors in this dtype, but for those that autocast leaves alone: float64 and None."""
    return [tensor if tensor is None or tensor.dtype == torch.float64 else tensor.to(dtype) for tensor in tensors]  # type: ignore[misc]
