"""What a net for texts is given."""

from typing import Protocol

from torch import Tensor


class TextBatch(Protocol):
    """What a classification batch brings: `tokens [B, T]`, `lengths [B]`, `targets [B, C]`, `rows [B]`."""

    tokens: Tensor
    lengths: Tensor
    targets: Tensor
    rows: Tensor
