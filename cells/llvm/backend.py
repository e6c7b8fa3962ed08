"""The backend `llvm`: compiled loops for formulas on the CPU, in float32 and float64.

They compute what `cells.recurrence` defines. llvmlite is imported when somebody asks for them, as it may be missing.
"""

import functools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cells.language.module_reader import UnreadableError, misfit
from cells.obstacle import Obstacle, ObstacleKind
from cells.packed import Packed
from cells.recurrence import KnownCell, Recurrence, StackedUnroll, States, Step, Unroll, Weights, known_cell
from cells.surroundings import follower


class LLVM:
    """See `cells.backends.Backend`."""

    name = "llvm"

    def obstacle(
        self, recurrence: Recurrence, tensors: Sequence[Tensor], weights: Sequence[Weights]
    ) -> Obstacle | None:
        """Refuse what the compiled loops cannot run now.

        That is a single step, a batch without steps, a projection, a module that is not a formula, a function over all
        units, tensors that are not plain float32 or float64 ones on the CPU, autocast, tracing, torch.func, and a
        missing llvmlite.
        """
        if isinstance(recurrence, Step):
            return Obstacle(ObstacleKind.CALL, "it is a single step, and the compiled loops run layers")
        step = recurrence.step
        if step.cell.why_eager:
            return Obstacle(ObstacleKind.FORMULA, str(step.cell.why_eager))
        try:
            known = known_cell(step, weights)
        except UnreadableError as error:
            return Obstacle(ObstacleKind.FORMULA, str(error))
        if reduction := known.equations.reduction:
            reason = f"{reduction}(...) is over all units, and the compiled loops are elementwise"
            return Obstacle(ObstacleKind.FORMULA, reason)
        if tensors and tensors[0].size(0) == 0:
            return Obstacle(ObstacleKind.CALL, "its batch has no steps")
        if any(own.hr is not None for own in weights):
            return Obstacle(ObstacleKind.CALL, "it has a projection")
        return _in_tensors(step.alteration, known, tensors, weights) or _in_surroundings() or _in_machine()

    def loop(self, recurrence: Recurrence) -> str:
        """Always "compiled"."""
        return "compiled"

    def step(self, step: Step, *arguments: Tensor | None) -> tuple[Tensor, Tensor]:
        """Never called: a single step is an obstacle."""
        raise NotImplementedError

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
        """See `cells.llvm.layer`."""
        from cells.llvm.layer import run_layer

        return run_layer(unroll, rows, sizes, c, h, weights, seen)

    def stacked_layer(self, unroll: StackedUnroll, rows: Tensor, packed: Packed, weights: list[Weights]) -> Tensor:
        """See `cells.llvm.stacked_layer`."""
        from cells.llvm.stacked_layer import run_stacked_layer

        assert packed.sizes is not None, "a layout on the CPU is made there"
        return run_stacked_layer(known_cell(unroll.step, weights).equations, rows, packed.sizes, weights)


def _in_tensors(
    alteration: str, known: KnownCell, tensors: Sequence[Tensor], weights: Sequence[Weights]
) -> Obstacle | None:
    """An obstacle in the tensors of the call or of the alteration."""
    hidden = weights[0].hh.size(-1)
    if reason := misfit(alteration, known.tensors, hidden):
        return Obstacle(ObstacleKind.FORMULA, reason)
    every = [*tensors, *known.tensors, *(weight for own in weights for weight in own if weight is not None)]
    if not all(tensor.is_cpu and type(tensor) in (Tensor, nn.Parameter) for tensor in every):
        return Obstacle(ObstacleKind.CALL, "its tensors are not all plain ones on the CPU")
    dtypes = {tensor.dtype for tensor in every}
    if dtypes not in ({torch.float32}, {torch.float64}):
        found = " and ".join(sorted(map(str, dtypes)))
        return Obstacle(ObstacleKind.CALL, f"it is in {found}, not entirely in float32 or float64")
    if known.dtypes - dtypes:
        return Obstacle(ObstacleKind.FORMULA, f"{alteration} casts what it is given to another dtype")
    return None


def _in_surroundings() -> Obstacle | None:
    """An obstacle in what surrounds the call."""
    if torch.is_autocast_enabled("cpu"):
        return Obstacle(ObstacleKind.CALL, "autocast is on")
    reason = follower()
    return Obstacle(ObstacleKind.CALL, reason) if reason else None


@functools.cache
def _in_machine() -> Obstacle | None:
    """An obstacle in what is installed."""
    try:
        import cells.llvm.machine  # noqa: F401
    except ImportError as error:
        return Obstacle(ObstacleKind.MACHINE, f"llvmlite cannot be imported ({error})")
    return None
