"""The backends `triton`, a layer's loop over time as one kernel, and `triton-steps`, a kernel a step, on CUDA devices.

They compute what `cells.recurrence` defines. Triton is imported when somebody asks for it, as it may be missing.
"""

import functools
import os
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from cells.language.module_reader import UnreadableError, misfit
from cells.obstacle import Obstacle, ObstacleKind
from cells.packed import Packed
from cells.recurrence import KnownCell, Recurrence, StackedUnroll, States, Step, Unroll, Weights, known_cell
from cells.surroundings import follower
from cells.triton.loops import Loops
from cells.triton.operands import operands, shared_memory

DTYPES = (torch.float32, torch.float16, torch.bfloat16)


class Triton:
    """See `cells.backends.Backend`."""

    name = "triton"

    def obstacle(
        self, recurrence: Recurrence, tensors: Sequence[Tensor], weights: Sequence[Weights]
    ) -> Obstacle | None:
        """Refuse what the kernels cannot run now.

        That is all that is not on a CUDA device, a single step, a batch without steps, a projection, a module that is
        not a formula, a function over all units, tensors of mixed dtypes or in float64, more units than fit into a
        block, autocast, tracing, torch.func, an old card, and a missing library.
        """
        given = [*tensors, *(weight for own in weights for weight in own if weight is not None)]
        if not given or not all(_on_a_card(tensor) for tensor in given):
            return Obstacle(ObstacleKind.DEVICE, "its tensors are not on a CUDA device")
        if isinstance(recurrence, Step):
            return Obstacle(ObstacleKind.CALL, "it is a single step, and the kernels run layers")
        step = recurrence.step
        if step.cell.why_eager:
            return Obstacle(ObstacleKind.FORMULA, str(step.cell.why_eager))
        try:
            known = known_cell(step, weights)
        except UnreadableError as error:
            return Obstacle(ObstacleKind.FORMULA, str(error))
        if reduction := known.equations.reduction:
            reason = f"{reduction}(...) is over all units, and the kernels are elementwise"
            return Obstacle(ObstacleKind.FORMULA, reason)
        if tensors and tensors[0].size(0) == 0:
            return Obstacle(ObstacleKind.CALL, "its batch has no steps")
        if any(own.hr is not None for own in weights):
            return Obstacle(ObstacleKind.CALL, "it has a projection")
        return (
            _in_tensors(step.alteration, known, given, weights)
            or _in_surroundings(given[0])
            or _in_library()
            or self.in_card(given[0], weights[0].hh.size(-1))
        )

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
        """See `cells.triton.layer`."""
        from cells.triton.layer import run_layer

        return run_layer(self.loops(), unroll, rows, sizes, c, h, weights, seen)

    def stacked_layer(self, unroll: StackedUnroll, rows: Tensor, packed: Packed, weights: list[Weights]) -> Tensor:
        """See `cells.triton.layer`."""
        from cells.triton.layer import run_stacked_layer

        equations = known_cell(unroll.step, weights).equations
        return run_stacked_layer(self.loops(), equations, rows, packed, weights)

    def in_card(self, tensor: Tensor, hidden: int) -> Obstacle | None:
        """An obstacle in the card, or in the precision that is asked of it."""
        return _in_card(tensor) or _in_block(tensor, hidden)

    def loops(self) -> type[Loops]:
        """The loops that run a layer."""
        from cells.triton.resident import ResidentLoops

        return ResidentLoops


class TritonSteps(Triton):
    """As `Triton`, for what does not fit into a block."""

    name = "triton-steps"

    def in_card(self, tensor: Tensor, hidden: int) -> Obstacle | None:
        """An obstacle in the card."""
        return _in_card(tensor)

    def loops(self) -> type[Loops]:
        """The loops that run a layer."""
        from cells.triton.stepped import SteppedLoops

        return SteppedLoops


def _on_a_card(tensor: Tensor) -> bool:
    return tensor.is_cuda or (tensor.is_cpu and _interpreted())


def _interpreted() -> bool:
    """Whether TRITON_INTERPRET=1 has Triton interpret kernels, which works on the CPU."""
    if not os.environ.get("TRITON_INTERPRET"):
        return False
    return _in_library() is None


def _in_tensors(
    alteration: str, known: KnownCell, given: Sequence[Tensor], weights: Sequence[Weights]
) -> Obstacle | None:
    """An obstacle in the tensors of the call or of the alteration."""
    if reason := misfit(alteration, known.tensors, weights[0].hh.size(-1)):
        return Obstacle(ObstacleKind.FORMULA, reason)
    every = [*given, *known.tensors]
    if len({tensor.device for tensor in every}) > 1 or not all(type(t) in (Tensor, nn.Parameter) for t in every):
        return Obstacle(ObstacleKind.CALL, "its tensors are not all plain ones on one device")
    dtypes = {tensor.dtype for tensor in every}
    if len(dtypes) > 1 or not dtypes <= {*DTYPES}:
        found = " and ".join(sorted(map(str, dtypes)))
        return Obstacle(ObstacleKind.CALL, f"it is in {found}, not entirely in float32, float16 or bfloat16")
    if known.dtypes - dtypes:
        return Obstacle(ObstacleKind.FORMULA, f"{alteration} casts what it is given to another dtype")
    return None


def _in_surroundings(tensor: Tensor) -> Obstacle | None:
    """An obstacle in what surrounds the call."""
    if torch.is_autocast_enabled(tensor.device.type):
        return Obstacle(ObstacleKind.CALL, "autocast is on")
    reason = follower()
    return Obstacle(ObstacleKind.CALL, reason) if reason else None


@functools.cache
def _in_library() -> Obstacle | None:
    """An obstacle in what is installed."""
    try:
        import triton  # noqa: F401
    except ImportError as error:
        return Obstacle(ObstacleKind.MACHINE, f"Triton cannot be imported ({error})")
    return None


def _in_card(tensor: Tensor) -> Obstacle | None:
    """An obstacle in the card, or in the interpreter that stands in for it."""
    if tensor.is_cpu:
        if tensor.dtype == torch.bfloat16:
            return Obstacle(ObstacleKind.CALL, "Triton's interpreter has no bfloat16")
        return None
    card = _card(tensor.device)
    return Obstacle(ObstacleKind.MACHINE, f"{card.name} has no TF32") if card.major < 8 else None


def _in_block(tensor: Tensor, hidden: int) -> Obstacle | None:
    """An obstacle in the size of W_hh."""
    if tensor.is_cpu:
        return None
    own = operands(tensor.dtype, hidden)
    needed, there = shared_memory(hidden, own), _card(tensor.device).shared_memory_per_block_optin
    if needed <= there:
        return None
    hint = "" if own.precision != "tf32x3" else "; with torch.backends.cuda.matmul.allow_tf32 it needs less"
    reason = f"W_hh of {hidden} units needs {needed >> 10} KB of a block's memory, which has {there >> 10}{hint}"
    return Obstacle(ObstacleKind.CALL, reason)


@functools.cache
def _card(device: torch.device) -> Any:
    """The properties of a CUDA device."""
    return torch.cuda.get_device_properties(device)
