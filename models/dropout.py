"""Dropout of whole features, for one net and for K nets at once."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from cells.draws import Draw, Draws
from cells.packed import Packed


class SpatialDropout(nn.Module):
    """While training, zeroes features of `[B, T, F]` for all steps of a row and scales the rest by 1 / (1 - p).

    Args:
        p: the probability that a feature of a row is zeroed.

    Raises:
        ValueError: p is not a probability, or is 1.
    """

    def __init__(self, p: float):
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"dropout must be a probability below 1, not {p}")
        self.p = float(p)  # TorchScript takes no integer

    def forward(self, x: Tensor) -> Tensor:
        """Drop features of `x [B, T, F]`."""
        return x * self._kept(x, x.size(0)).unsqueeze(1) if self.training else x

    def rows(self, x: Tensor, layout: Packed) -> Tensor:
        """Drop features of `x [N, F]`, the real steps of a packed batch."""
        return x * self._kept(x, len(layout.lengths)).index_select(0, layout.owners) if self.training else x

    def _kept(self, x: Tensor, samples: int) -> Tensor:
        return F.dropout(x.new_ones(samples, x.size(-1)), self.p)


class StackedSpatialDropout(nn.Module):
    """`SpatialDropout` of K nets, each with the random numbers that it would draw alone.

    Args:
        modules: those of the K nets.

    Attributes:
        draws: of the K nets' random numbers.
    """

    def __init__(self, modules: Sequence[SpatialDropout]):
        super().__init__()
        self.p = modules[0].p
        self.draws = Draws()

    def rows(self, x: Tensor, layout: Packed) -> Tensor:
        """Drop features of `x [K, N, F]`, the real steps of K packed batches."""
        if not self.training or self.p == 0:
            return x
        kept = self.draws(Draw("samples", (1 - self.p,), x.size(2)), layout.counts, x).flatten(0, 2) / (1 - self.p)
        return x * kept.index_select(0, layout.owners).view_as(x)
