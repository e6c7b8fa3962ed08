"""The batches of a net for texts."""

from typing import Protocol

from torch import Tensor


class TextBatch(Protocol):
    """A batch of documents: `tokens [B, T]`, `lengths [B]`, `targets [B, C]`, `rows [B]`."""

    tokens: Tensor
    lengths: Tensor
    targets: Tensor
    rows: Tensor
