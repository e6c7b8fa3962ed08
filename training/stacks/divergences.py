"""The divergences of a stack's nets in an epoch: each net's first odd loss, and the layer with which it began."""

from collections.abc import Callable

import torch
from torch import Tensor

from models.on_cpu import on_cpu


class Divergences:
    """Notes losses, batch by batch, and waits for no device meanwhile.

    So the layer is known on the CPU alone: to look for it, the loss of every step has to be known before the next.

    Attributes:
        layer_of: names the layer of net k with which it began to give odd numbers, see `odd_layer`; called with k and
            the inputs of the batch that gave the odd loss, before a step follows.
    """

    def __init__(self) -> None:
        self.layer_of: Callable[[int, tuple[Tensor, ...]], str] | None = None
        self.begin(torch.device("cpu"))

    def begin(self, device: torch.device) -> None:
        """Begin an epoch, in which no net has diverged yet."""
        self._losses = torch.zeros((), device=device)
        self._layers: dict[int, str] = {}

    def locate(self, losses: Tensor, inputs: tuple[Tensor, ...]) -> None:
        """On the CPU, find the layers of the nets whose first odd loss is among these: before their step, and `note`.

        Args:
            losses: `[K]`, of a batch, without gradients.
            inputs: of the stack, each with a leading K.
        """
        if self.layer_of is not None and losses.device.type == "cpu":
            for k in (self._losses.isfinite() & ~losses.isfinite()).nonzero().flatten().tolist():
                self._layers[k] = self.layer_of(k, inputs)

    def note(self, losses: Tensor) -> None:
        """Note the losses `[K]` of a batch, without gradients."""
        odd = torch.where(losses.isfinite(), 0.0, losses)
        self._losses = torch.where(self._losses.isfinite(), odd, self._losses)

    def of_nets(self, count: int) -> list[tuple[float, str]]:
        """The first odd loss of each of `count` nets, or 0, and the layer; empty where none is known."""
        losses: list[float] = on_cpu(self._losses).expand(count).tolist()
        return [(loss, self._layers.get(k, "")) for k, loss in enumerate(losses)]
