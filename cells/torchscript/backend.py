"""The backend `torchscript`: the definition itself, on any device and in any dtype."""

import functools
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from cells.eager.observed_layer import run_observed_layer
from cells.eager.stacked_layer import run_stacked_layer
from cells.obstacle import Obstacle, ObstacleKind
from cells.packed import Packed
from cells.recurrence import Recurrence, StackedUnroll, States, Step, Unroll, Weights
from cells.surroundings import saving_is_hooked
from cells.torchscript.compiler import why_broken
from cells.torchscript.gradients import run_saving_inputs_only
from cells.torchscript.loop import loop, runner


class TorchScript:
    """See `cells.backends.Backend`."""

    name = "torchscript"

    def obstacle(
        self, recurrence: Recurrence, tensors: Sequence[Tensor], weights: Sequence[Weights]
    ) -> Obstacle | None:
        """None where TorchScript can compile: it runs everything that torch runs."""
        reason = why_broken()
        return Obstacle(ObstacleKind.MACHINE, f"TorchScript does not work here ({reason})") if reason else None

    def loop(self, recurrence: Recurrence) -> str:
        """See `cells.torchscript.loop`."""
        return loop(recurrence)

    def step(self, step: Step, *arguments: Tensor | None) -> tuple[Tensor, Tensor]:
        """As `Step.forward`."""
        result: tuple[Tensor, Tensor] = _run(step, *arguments)
        return result

    def layer(
        self,
        unroll: Unroll,
        rows: Tensor,
        sizes: list[int],
        c: Tensor,
        h: Tensor,
        weights: list[Weights],
        seen: list[States] | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """As `Unroll.forward`."""
        if seen is not None:
            return run_observed_layer(unroll, rows, sizes, c, h, weights, seen)
        result: tuple[Tensor, Tensor, Tensor] = _run(unroll, rows, sizes, c, h, weights)
        return result

    def stacked_layer(self, unroll: StackedUnroll, rows: Tensor, packed: Packed, weights: list[Weights]) -> Tensor:
        """By one product for all models and directions in a step, on padded rows."""
        return run_stacked_layer(functools.partial(_run, unroll), rows, packed, weights)


def _run(recurrence: Recurrence, *arguments: Any) -> Any:
    """The recurrence in the way that suits the call."""
    if saving_is_hooked() and loop(recurrence) == "compiled":
        return run_saving_inputs_only(recurrence, *arguments)
    return runner(recurrence)(*arguments)
