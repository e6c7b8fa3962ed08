"""Gradients of a recurrence by running it once more, where those of its own pass are not there or not enough."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from cells.equations import CellEquations
from cells.recurrence import Recurrence, Step, Unroll, Weights
from cells.torchscript.equation_cell import equation_cell
from cells.torchscript.loop import runner

Gradient = Tensor | None


def gradients_by_definition(
    equations: CellEquations,
    sizes: list[int],
    inputs: Sequence[Tensor | None],
    wanted: Sequence[bool],
    gradients: Sequence[Gradient],
    create_graph: bool,
) -> list[Gradient]:
    """The gradients of a layer's inputs, None where not wanted; they may be differentiated again, or be batched.

    Args:
        equations: of the layer's cell.
        sizes: as in `Unroll.forward`.
        inputs: rows, c, h, then the fields of `Weights` of each direction.
        wanted: for each input, whether its gradient is wanted.
        gradients: of the layer's three results, None for one that nobody used.
        create_graph: whether the gradients are to be differentiated again.
    """
    own: list[Any] = _views(inputs)
    rows, c, h, *weights = own
    fields = len(Weights._fields)
    layers = [Weights._make(weights[k : k + fields]) for k in range(0, len(weights), fields)]
    run = functools.partial(runner(_unroll(equations)), rows, sizes, c, h, layers)
    return _gradients(run, own, wanted, gradients, create_graph)


@functools.cache
def _unroll(equations: CellEquations) -> Unroll:
    """A layer with this cell, kept with its compiled code."""
    return Unroll(Step(equation_cell("equations", equations)))


def run_saving_inputs_only(recurrence: Recurrence, *arguments: Any) -> Any:
    """As the recurrence, for a call whose saved tensors somebody takes.

    That may end the pass by an exception, as `torch.utils.checkpoint` does when it has all that it needs, and an
    exception of Python's does not come through TorchScript. So nothing is saved inside, and backward runs it again.
    """
    flat, structure = pytree.tree_flatten(arguments)
    results: Any = _SavingInputs.apply(recurrence, structure, len(flat), *flat, *recurrence.parameters())
    return results


class _SavingInputs(torch.autograd.Function):
    """(a recurrence, the structure of its arguments and their number, those arguments, its parameters) -> results."""

    @staticmethod
    def forward(ctx: Any, recurrence: Recurrence, structure: Any, count: int, *inputs: Any) -> Any:
        arguments = inputs[:count]
        ctx.recurrence, ctx.structure = recurrence, structure
        ctx.others = [None if isinstance(value, torch.Tensor) else value for value in arguments]
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*(value if isinstance(value, torch.Tensor) else None for value in arguments))
        return runner(recurrence)(*pytree.tree_unflatten(arguments, structure))

    @staticmethod
    def backward(ctx: Any, *gradients: Gradient) -> tuple[Any, ...]:
        _, _, _, *wanted = ctx.needs_input_grad
        again = torch.is_grad_enabled()
        own = _views(ctx.saved_tensors)
        arguments = [other if view is None else view for view, other in zip(own, ctx.others, strict=True)]
        run = functools.partial(runner(ctx.recurrence), *pytree.tree_unflatten(arguments, ctx.structure))
        by = [*own, *ctx.recurrence.parameters()]
        return None, None, None, *_gradients(run, by, wanted, gradients, again)


@torch.enable_grad()
def _views(tensors: Sequence[Tensor | None]) -> list[Tensor | None]:
    """Separate tensors, even of the same one, that are differentiable where the given ones are."""
    return [None if tensor is None else tensor.view_as(tensor) for tensor in tensors]


@torch.enable_grad()
def _gradients(
    run: Callable[[], Tensor | Sequence[Tensor]],
    inputs: Sequence[Tensor | None],
    wanted: Sequence[bool],
    gradients: Sequence[Gradient],
    create_graph: bool,
) -> list[Gradient]:
    """The gradients of what `run` reads, None where not wanted, given those of its results."""
    results = run()
    results = (results,) if isinstance(results, Tensor) else results
    given = [(result, d) for result, d in zip(results, gradients, strict=True) if d is not None]
    if not given:  # nothing came from downstream
        return [None] * len(wanted)
    by: list[Any] = [tensor for tensor, is_wanted in zip(inputs, wanted, strict=True) if is_wanted]
    outputs, d_outputs = zip(*given, strict=True)
    found = iter(torch.autograd.grad(outputs, by, d_outputs, create_graph=create_graph, allow_unused=True))
    return [next(found) if is_wanted else None for is_wanted in wanted]
