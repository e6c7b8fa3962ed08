"""Gradients of a layer through its definition, for backends whose own gradients cannot be differentiated again."""

import functools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from cells.equations import CellEquations
from cells.recurrence import Step, Unroll, Weights
from cells.torchscript.equation_cell import shared_cell
from cells.torchscript.loop import runner


@torch.enable_grad()
def gradients_by_definition(
    equations: CellEquations,
    sizes: list[int],
    inputs: Sequence[Tensor | None],
    wanted: Sequence[bool],
    gradients: Sequence[Tensor | None],
    create_graph: bool,
) -> list[Tensor | None]:
    """The gradients of the inputs, None where not wanted; they may be differentiated again, or be batched.

    Args:
        equations: of the layer's cell.
        sizes: as in `Unroll.forward`.
        inputs: rows, c, h, then the fields of `Weights` of each direction.
        wanted: for each input, whether its gradient is wanted.
        gradients: of the layer's three results, None for one that nobody used.
        create_graph: whether the gradients are to be differentiated again.
    """
    own: list[Any] = [None if t is None else t.view_as(t) for t in inputs]  # separate views, even of the same tensor
    rows, c, h, *weights = own
    fields = len(Weights._fields)
    layers = [Weights._make(weights[k : k + fields]) for k in range(0, len(weights), fields)]
    results = runner(_unroll(equations))(rows, sizes, c, h, layers)
    given = [(result, d) for result, d in zip(results, gradients, strict=True) if d is not None]
    if not given:  # nothing came from downstream
        return [None] * len(wanted)
    by = [tensor for tensor, is_wanted in zip(own, wanted, strict=True) if is_wanted]
    outputs, d_outputs = zip(*given, strict=True)
    found = iter(torch.autograd.grad(outputs, by, d_outputs, create_graph=create_graph, allow_unused=True))
    return [next(found) if is_wanted else None for is_wanted in wanted]


@functools.cache
def _unroll(equations: CellEquations) -> Unroll:
    """A layer with this cell, kept with its compiled code."""
    return Unroll(Step(shared_cell("equations", equations)))
