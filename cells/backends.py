"""The backends that can run a layer, in the order in which they are asked, and the contract that each implements.

A backend is a package with a class that implements `Backend`, and an entry in `BACKENDS`. The entry must stand before
`TorchScript()`, which accepts everything where TorchScript works: few calls would reach a backend after it.
"""

import functools
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

import torch
from torch import Tensor

from cells.autocast import cast, lower_dtype, suspended
from cells.eager.backend import Eager
from cells.errors import UserError
from cells.llvm.backend import LLVM
from cells.obstacle import Obstacle, ObstacleKind
from cells.packed import Packed
from cells.recurrence import Recurrence, StackedUnroll, States, Step, Unroll, Weights, step_of
from cells.torchscript.backend import TorchScript
from cells.triton.backend import Triton, TritonSteps

log = logging.getLogger(__name__)


class BackendError(UserError, RuntimeError):
    """A backend that was asked for by name cannot run what it is given."""


class Backend(Protocol):
    """A way to run recurrences, forward and backward.

    Of `step`, `layer` and `stacked_layer`, a backend needs those that its `obstacle` lets through.
    """

    @property
    def name(self) -> str:
        """How users call it."""

    def obstacle(
        self, recurrence: Recurrence, tensors: Sequence[Tensor], weights: Sequence[Weights]
    ) -> Obstacle | None:
        """Why it cannot run the recurrence on these inputs and states with these weights now; None if it can.

        The equations are `known_cell(step_of(recurrence), weights)`, which raises UnreadableError where there are none.
        Without any tensors: why it could not run it on tensors like the weights.
        """

    def loop(self, recurrence: Recurrence) -> str:
        """How it would run the loop over time now: "compiled", or "eager" where Python goes step by step."""

    def step(self, step: Step, *arguments: Tensor | None) -> tuple[Tensor, Tensor]:
        """A single step, as `Step.forward`."""

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
        """All steps of a layer, as `Unroll.forward`.

        If `seen` is a list, each direction's states and gates are added to it: c and h as handed to the next step, and
        i f g o by their equations, in the order of the packed rows.
        """

    def stacked_layer(self, unroll: StackedUnroll, rows: Tensor, packed: Packed, weights: list[Weights]) -> Tensor:
        """Outputs [K, N, D H] of K models with packed rows [K, N, I] and weights with a leading K, from zero states.

        The noise [K, Q, N, H] and the masks [K, R, B, H] are drawn for the rows of each model as `Packed` lists them:
        masks for the first B of them, B being the number of samples.
        """


BACKENDS: Sequence[Backend] = (LLVM(), Triton(), TritonSteps(), TorchScript(), Eager())
"""Asked in this order; the first without an obstacle runs. The last one, the definition itself, never has one."""

_forced: ContextVar[Backend | None] = ContextVar("forced", default=None)
_seen: ContextVar[list[States] | None] = ContextVar("seen", default=None)


@contextmanager
def backend(name: str) -> Iterator[None]:
    """Have one backend run all cells inside the `with` statement; other threads are not concerned.

    A cell that it cannot run raises a `BackendError`.

    Raises:
        ValueError: no backend has this name.
    """
    named = {candidate.name: candidate for candidate in BACKENDS}
    if name not in named:
        raise ValueError(f"there is no backend {name!r}, choose {' or '.join(named)}")
    token = _forced.set(named[name])
    try:
        yield
    finally:
        _forced.reset(token)


@contextmanager
def observed() -> Iterator[list[States]]:
    """Collect the states of each layer and direction run inside the `with` statement; other threads are not seen."""
    seen: list[States] = []
    token = _seen.set(seen)
    try:
        yield seen
    finally:
        _seen.reset(token)


def choose(
    recurrence: Recurrence, tensors: Sequence[Tensor], weights: Sequence[Weights]
) -> tuple[Backend, dict[str, Obstacle]]:
    """The backend that runs this, and the obstacles of those that were asked before it, by their names.

    Those that are made for another kind of device are left out.

    Raises:
        BackendError: the one that `backend` asks for cannot.
    """
    obstacles: dict[str, Obstacle] = {}
    forced = _forced.get()
    for candidate in BACKENDS if forced is None else (forced,):
        obstacle = candidate.obstacle(recurrence, tensors, weights)
        if obstacle is None:
            return candidate, obstacles
        if forced is not None:
            reason = f"the backend {forced.name} cannot run this cell: {obstacle.reason}"
            raise BackendError(f"{reason}; ask for another backend or for none")
        if obstacle.kind is not ObstacleKind.DEVICE:
            obstacles[candidate.name] = obstacle
    raise AssertionError("the last backend has no obstacle")


def step(step: Step, gates: Tensor, c: Tensor, h: Tensor, *drawn: Tensor | None) -> tuple[Tensor, Tensor]:
    """As `Step.forward`, by the first backend that can."""
    if torch.compiler.is_compiling():  # by torch.compile or torch.export, which follow the definition itself
        by_definition: tuple[Tensor, Tensor] = step(gates, c, h, *drawn)
        return by_definition
    return choose(step, (gates, c, h), ())[0].step(step, gates, c, h, *drawn)


def layer(
    unroll: Unroll, rows: Tensor, sizes: list[int], c: Tensor, h: Tensor, weights: list[Weights]
) -> tuple[Tensor, Tensor, Tensor]:
    """As `Unroll.forward`, by the first backend that can."""
    if torch.compiler.is_compiling():
        by_definition: tuple[Tensor, Tensor, Tensor] = unroll(rows, sizes, c, h, weights)
        return by_definition
    if dtype := lower_dtype(rows.device):
        rows, c, h = cast((rows, c, h), dtype)
        weights = [Weights._make(cast(own, dtype)) for own in weights]
    with suspended(unroll, dtype, rows):
        chosen, obstacles = choose(unroll, (rows, c, h), weights)
        if obstacles and rows.size(0):
            _explain(chosen, unroll, obstacles)
        results = chosen.layer(unroll, rows, sizes, c, h, weights, _seen.get())
    if dtype:  # a user's module may have tensors of another dtype
        output, c, h = cast(results, dtype)
        return output, c, h
    return results


def stacked_layer(unroll: StackedUnroll, rows: Tensor, packed: Packed, weights: list[Weights]) -> Tensor:
    """As `Backend.stacked_layer`, by the first backend that can."""
    if dtype := lower_dtype(rows.device):
        (rows,) = cast((rows,), dtype)
        weights = [Weights._make(cast(own, dtype)) for own in weights]
    with suspended(unroll, dtype, rows):
        chosen, obstacles = choose(unroll, (rows,), weights)
        if obstacles:
            _explain(chosen, unroll, obstacles)
        output = chosen.stacked_layer(unroll, rows, packed, weights)
    return cast((output,), dtype)[0] if dtype else output


def _explain(chosen: Backend, recurrence: Recurrence, obstacles: dict[str, Obstacle]) -> None:
    """Log why one of the two definitions has to run this."""
    if chosen in BACKENDS[-2:] and not step_of(recurrence).cell.why_eager:  # already logged when the module was wrapped
        for reason in {obstacle.reason: None for obstacle in obstacles.values()}:
            others = " or ".join(name for name, obstacle in obstacles.items() if obstacle.reason == reason)
            _warn_once(chosen.name, chosen.loop(recurrence), others, reason)


@functools.cache
def _warn_once(chosen: str, loop: str, other: str, reason: str) -> None:
    log.warning("An LSTM runs on %s (%s loop) and not on %s: %s", chosen, loop, other, reason)
