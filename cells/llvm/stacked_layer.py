"""One layer of K models by compiled loops, with exact gradients: the tasks of all models side by side.

Every model has its own rows, lengths and weights, and its tasks are those that it would have alone, on one thread for
each direction: so its numbers are those that it would get alone.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from cells.language.module_reader import Formulas
from cells.llvm import machine
from cells.llvm.kernels import Cell
from cells.llvm.loops import Gradient, Loops, dense, workspace
from cells.llvm.plan import Plan, cached_plan, chunk_rows
from cells.recurrence import Weights


class _Model(NamedTuple):
    """One of the K models."""

    k: int
    plan: Plan

    def own(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Its real rows of tensors [K, N, ..]."""
        return [tensor[self.k, : self.plan.rows] for tensor in tensors]


class _StackedCall(NamedTuple):
    """A call of `run_stacked_layer`, except its tensors."""

    models: list[_Model]  # those that have a step
    counts: list[int]  # of the real rows of all models
    kernels: machine.Kernels
    keep_for_backward: bool  # the gates and states of all steps


def run_stacked_layer(
    formulas: Formulas, rows: Tensor, sizes: Sequence[Sequence[int]], weights: Sequence[Weights]
) -> Tensor:
    """Outputs [K, N, D H] of K models with packed rows [K, N, I]; the states begin at zero.

    Args:
        formulas: of the cell that all models have; they have no tensors.
        rows: of all models. Those behind a model's real steps are not read, and their outputs not written.
        sizes: of each model, how many of its rows are running at each step.
        weights: of each direction, with a leading K; no projections.
    """
    hidden, item = weights[0].hh.size(2), rows.element_size()
    flat = [weight for own in weights for weight in own[:4]]
    models = []
    for k, own_sizes in enumerate(sizes):
        if own_sizes:
            plan = cached_plan(tuple(own_sizes), len(weights), len(weights), chunk_rows(hidden, item), 1)
            models.append(_Model(k, plan))
    kernels = machine.compiled(Cell.of(formulas, hidden, item), rows.dtype)
    keep = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (rows, *flat))
    output: Tensor = _StackedFunction.apply(_StackedCall(models, list(map(sum, sizes)), kernels, keep), rows, *flat)
    return output


class _StackedFunction(torch.autograd.Function):
    """(rows, weights) -> output; the weights are ih, hh, bias_ih and bias_hh of each direction."""

    @staticmethod
    def forward(ctx: Any, call: _StackedCall, rows: Tensor, *weights: Any) -> Tensor:
        rows, hidden, directions = dense(rows), weights[1].size(2), len(weights) // 4
        places = rows.shape[:2]
        output = rows.new_empty(*places, directions * hidden)
        gates, states = [], []
        if call.keep_for_backward:
            gates = [workspace.empty(rows, *places, 4 * hidden) for _ in range(directions)]
            states = [workspace.empty(rows, *places, hidden) for _ in range(directions)]
        tasks = []
        for model, loops in _loops_of_models(call, rows, weights):
            own_states = model.own(states) if call.keep_for_backward else list(loops.c.clone())
            (own_output,) = model.own([output])
            tasks += loops.forward_tasks(own_output, model.own(gates), own_states)
        machine.run_tasks(call.kernels.forward, [task.words for task in tasks])
        if call.keep_for_backward:
            ctx.call = call
            ctx.save_for_backward(rows, *weights, output, *gates, *states)
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_output: Tensor) -> tuple[Any, ...]:
        call: _StackedCall = ctx.call
        _, *wanted = ctx.needs_input_grad
        rows, *saved = ctx.saved_tensors
        weights, (output, *kept) = saved[: len(wanted) - 1], saved[len(wanted) - 1 :]
        directions, d_output = len(kept) // 2, dense(d_output)
        gates, states = kept[:directions], kept[directions:]
        d_rows = [workspace.empty(rows, *rows.shape) for _ in range(directions if wanted[0] else 0)]
        sums = [_sums(rows, weights[4 * d + 1]) for d in range(directions)]
        tasks = []
        for model, loops in _loops_of_models(call, rows, weights):
            own_output, own_d_output = model.own([output, d_output])
            d_c, d_h = torch.zeros_like(loops.c), torch.zeros_like(loops.h)
            own_d_rows: Sequence[Gradient] = model.own(d_rows) if wanted[0] else [None] * directions
            own_sums = [{name: total[model.k] for name, total in of_direction.items()} for of_direction in sums]
            own = (own_output, model.own(gates), model.own(states), own_d_output)
            tasks += loops.backward_tasks(*own, d_c, d_h, own_d_rows, own_sums, d_h_wanted=False)
        machine.run_tasks(call.kernels.backward, [task.words for task in tasks])
        found: list[Gradient] = [None, _total_of_rows(d_rows, call.counts)]
        found += _of_weights(sums)
        return tuple(d if is_wanted else None for d, is_wanted in zip(found, [False, *wanted], strict=True))


def _loops_of_models(call: _StackedCall, rows: Tensor, weights: Sequence[Any]) -> Iterator[tuple[_Model, Loops]]:
    """Each model that has a step, with the loops on its rows and weights."""
    for model in call.models:
        zeros = rows.new_zeros(len(weights) // 4, model.plan.batch, weights[1].size(2))
        own_weights = [None if weight is None else weight[model.k] for weight in weights]
        (own_rows,) = model.own([rows])
        keep = call.keep_for_backward
        yield model, Loops(call.kernels, model.plan, keep, own_rows, zeros, zeros, None, *own_weights)


def _sums(rows: Tensor, hh: Tensor) -> dict[str, Tensor]:
    """Buffers for the gradients of one direction's weights, transposed, [K, ..]; zero for a model without a step."""
    models, width, hidden = hh.shape
    return {
        "d_w_ih": rows.new_zeros(models, rows.size(2), width),
        "d_w_hh": rows.new_zeros(models, hidden, width),
        "d_bias": rows.new_zeros(models, width),
    }


def _total_of_rows(d_rows: Sequence[Tensor], counts: Sequence[int]) -> Gradient:
    """The gradient of the rows: the sum over both directions, zero behind each model's real rows."""
    if not d_rows:
        return None
    total, *others = d_rows
    for of_direction in others:
        total = total.add_(of_direction)
    for k, count in enumerate(counts):
        total[k, count:] = 0.0
    return total


def _of_weights(sums: Sequence[dict[str, Tensor]]) -> list[Tensor]:
    """The gradients of all weights in their order."""
    found: list[Tensor] = []
    for of_direction in sums:
        bias = of_direction["d_bias"]
        found += [of_direction["d_w_ih"].mT, of_direction["d_w_hh"].mT, bias, bias.clone()]
    return found
