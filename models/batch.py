"""The inputs of a net for texts."""

from typing import Protocol, runtime_checkable

from torch import Tensor

from cells.packed import Packed


class TextBatch(Protocol):
    """A batch of documents: `tokens [B, T]`, `lengths [B]`, `targets [B, C]`, `rows [B]`."""

    tokens: Tensor
    lengths: Tensor
    targets: Tensor
    rows: Tensor


@runtime_checkable
class PackedNet(Protocol):
    """A net that computes for real words only, and can be told how they lie as rows instead of finding it out."""

    def of_rows(self, tokens: Tensor, layout: Packed) -> Tensor:
        """Logits `[B, C]` of `tokens [B, T]`."""
