"""One layer of one model, or of many, by Triton kernels, with exact gradients."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from cells.equations import GATES, CellEquations
from cells.packed import Packed
from cells.recurrence import States, Unroll, Weights, known_cell
from cells.torchscript.gradients import gradients_by_definition
from cells.triton.kernel_text import Purpose
from cells.triton.layout import layout, stacked_layout
from cells.triton.loops import Gradient, Loops, Passed, Problem


class _LayerCall(NamedTuple):
    """A call of `run_layer`, except its tensors."""

    problem: Problem
    sizes: list[int]
    purpose: Purpose
    seen: list[States] | None  # where states and gates go if the layer is observed


def run_layer(
    loops: type[Loops],
    unroll: Unroll,
    rows: Tensor,
    sizes: list[int],
    c: Tensor,
    h: Tensor,
    weights: list[Weights],
    seen: list[States] | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """As `cells.backends.Backend.layer`, by these loops, for weights without a projection and N > 0."""
    known = known_cell(unroll.step, weights)
    if known.tensors:
        learned = torch.stack([tensor.expand(1, c.size(2)).squeeze(0) for tensor in known.tensors])
        weights = [own._replace(learned=learned) for own in weights]
    flat = [weight for own in weights for weight in own]
    wanted = _wanted(rows, c, h, *flat)
    if seen is not None and wanted:
        with torch.no_grad():  # a pass of its own, which stores something else
            run_layer(loops, unroll, rows, sizes, c, h, weights, seen)
        seen = None
    own = layout((tuple(sizes),), rows.size(0), rows.device)
    problem = Problem(loops, known.equations, own, loops.operands(rows.dtype, c.size(2)))
    purpose = Purpose.GRADIENTS if wanted else Purpose.RESULTS if seen is None else Purpose.STATES
    batch = problem.layout.batch
    output, last_c, last_h = _LayerFunction.apply(
        _LayerCall(problem, sizes, purpose, seen), rows, c[:, :batch], h[:, :batch], *flat
    )
    if batch < c.size(1):  # rows without a step keep their states
        last_c, last_h = torch.cat([last_c, c[:, batch:]], 1), torch.cat([last_h, h[:, batch:]], 1)
    return output, last_c, last_h


class _LayerFunction(torch.autograd.Function):
    """(rows, c, h, weights) -> (output, c, h); the weights are the fields of `Weights`, of each direction."""

    @staticmethod
    def forward(ctx: Any, call: _LayerCall, *inputs: Any) -> tuple[Tensor, Tensor, Tensor]:
        passed = _loops(call, inputs).forward(call.purpose)
        if call.purpose is Purpose.GRADIENTS:
            ctx.call = call
            ctx.set_materialize_grads(False)
            ctx.save_for_backward(*inputs, passed.kept, passed.c_kept, passed.h_kept)
        if call.seen is not None:
            _show(call.seen, passed, inputs[0].dtype)
        output, c, h = (values[0].to(inputs[0].dtype) for values in passed[:3])
        return output, c, h

    @staticmethod
    def backward(ctx: Any, *gradients: Gradient) -> tuple[Any, ...]:
        call: _LayerCall = ctx.call
        _, *wanted = ctx.needs_input_grad
        saved = ctx.saved_tensors  # read once: some hooks let saved tensors be unpacked only once
        inputs, kept = saved[: len(wanted)], saved[len(wanted) :]
        batched = any(d is not None and torch._C._functorch.is_legacy_batchedtensor(d) for d in gradients)
        again = torch.is_grad_enabled()
        if again or batched:
            own = call.problem.cell, call.sizes, inputs, wanted, gradients, again
            return None, *gradients_by_definition(*own)
        _, c_kept, _ = kept
        likes = (c_kept.flatten(2), *(state.unsqueeze(0) for state in inputs[1:3]))
        d_output, d_c, d_h = (
            torch.zeros_like(like, dtype=torch.float32) if d is None else d.unsqueeze(0).float()
            for d, like in zip(gradients, likes, strict=True)
        )
        found = _loops(call, inputs).backward(kept, d_output, d_c, d_h, wanted[0])
        every = [found.rows, found.c, found.h, *found.weights]
        of_one = [None if d is None else d[0] for d in every]
        return None, *_those_wanted(of_one, inputs, wanted)


def _loops(call: _LayerCall, inputs: Sequence[Any]) -> Loops:
    rows, c, h, *flat = [None if tensor is None else tensor.unsqueeze(0) for tensor in inputs]
    assert rows is not None
    assert c is not None
    assert h is not None
    return call.problem.loops(call.problem, rows, c, h, _of_directions(flat))


def _show(seen: list[States], passed: Passed, dtype: torch.dtype) -> None:
    """Add the states and gates of each direction of the only model."""
    directions = passed.c.size(1)
    for direction, h in enumerate(passed.output[0].chunk(directions, 1)):
        gates = dict(zip(GATES, passed.kept[0, :, direction].unbind(1), strict=True))
        states = {"c": passed.c_kept[0, :, direction], "h": h, **gates}
        seen.append({name: values.to(dtype) for name, values in states.items()})


def run_stacked_layer(
    loops: type[Loops], cell: CellEquations, rows: Tensor, packed: Packed, weights: Sequence[Weights]
) -> Tensor:
    """As `cells.backends.Backend.stacked_layer`, by these loops: the states begin at zero."""
    flat = [weight for own in weights for weight in own]
    hidden = weights[0].hh.size(2)
    own = stacked_layout(packed, rows.size(1))
    if not own.steps:  # no model has any
        return rows.new_zeros(*rows.shape[:2], len(weights) * hidden)
    purpose = Purpose.GRADIENTS if _wanted(rows, *flat) else Purpose.RESULTS
    problem = Problem(loops, cell, own, loops.operands(rows.dtype, hidden))
    output: Tensor = _StackedFunction.apply(problem, purpose, rows, *flat)
    return output


class _StackedFunction(torch.autograd.Function):
    """(rows, weights) -> output; the weights are the fields of `Weights`, of each direction."""

    @staticmethod
    def forward(ctx: Any, problem: Problem, purpose: Purpose, rows: Tensor, *flat: Any) -> Tensor:
        passed = _stacked_loops(problem, rows, flat).forward(purpose)
        if purpose is Purpose.GRADIENTS:
            ctx.problem = problem
            ctx.save_for_backward(rows, *flat, passed.kept, passed.c_kept, passed.h_kept)
        return passed.output.to(rows.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_output: Tensor) -> tuple[Any, ...]:
        _, _, *wanted = ctx.needs_input_grad
        saved = ctx.saved_tensors
        inputs, kept = saved[: len(wanted)], saved[len(wanted) :]
        loops = _stacked_loops(ctx.problem, inputs[0], inputs[1:])
        zeros = torch.zeros_like(loops.given["c_first"])
        found = loops.backward(kept, d_output, zeros, zeros, wanted[0])
        return None, None, *_those_wanted([found.rows, *found.weights], inputs, wanted)


def _stacked_loops(problem: Problem, rows: Tensor, flat: Sequence[Tensor | None]) -> Loops:
    weights = _of_directions(flat)
    shape = len(rows), len(weights), problem.layout.batch, weights[0].hh.size(2)
    zeros = rows.new_zeros(shape)
    return problem.loops(problem, rows, zeros, zeros, weights)


def _wanted(*inputs: Tensor | None) -> bool:
    """Whether any gradient is wanted."""
    return torch.is_grad_enabled() and any(tensor is not None and tensor.requires_grad for tensor in inputs)


def _of_directions(flat: Sequence[Any]) -> list[Weights]:
    fields = len(Weights._fields)
    return [Weights._make(flat[k : k + fields]) for k in range(0, len(flat), fields)]


def _those_wanted(found: Sequence[Gradient], inputs: Sequence[Tensor | None], wanted: Sequence[bool]) -> list[Gradient]:
    """The gradients that are wanted, in the dtypes of the inputs."""
    return [
        d.to(tensor.dtype) if is_wanted and d is not None and tensor is not None else None
        for d, tensor, is_wanted in zip(found, inputs, wanted, strict=True)
    ]
