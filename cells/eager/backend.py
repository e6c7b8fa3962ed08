"""The backend `eager`: the definition, run in Python on any device and in any dtype."""

import functools
from collections.abc import Sequence

from torch import Tensor

from cells.eager.observed_layer import run_observed_layer
from cells.eager.stacked_layer import run_stacked_layer
from cells.eager.step_by_step import step_by_step
from cells.packed import Packed
from cells.recurrence import Recurrence, StackedUnroll, States, Step, Unroll, Weights


class Eager:
    """See `cells.backends.Backend`."""

    name = "eager"

    def obstacle(self, recurrence: Recurrence, tensors: Sequence[Tensor], weights: Sequence[Weights]) -> None:
        """None: it runs everything that torch runs."""

    def loop(self, recurrence: Recurrence) -> str:
        """Always "eager"."""
        return "eager"

    def step(self, step: Step, *arguments: Tensor | None) -> tuple[Tensor, Tensor]:
        """As `Step.forward`."""
        result: tuple[Tensor, Tensor] = step_by_step(step, *arguments)
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
        result: tuple[Tensor, Tensor, Tensor] = step_by_step(unroll, rows, sizes, c, h, weights)
        return result

    def stacked_layer(self, unroll: StackedUnroll, rows: Tensor, packed: Packed, weights: list[Weights]) -> Tensor:
        """By one product for all models and directions in a step, on padded rows."""
        return run_stacked_layer(functools.partial(step_by_step, unroll), rows, packed, weights)
