"""One layer of K models by compiled loops, with exact gradients: the tasks of all models side by side.

Every model has its own rows, lengths and weights, and its tasks are those that it would have alone, on one thread for
each direction: so its numbers are those that it would get alone.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from cells.equations import CellEquations
from cells.llvm import machine, team
from cells.llvm.loops import Gradient, Loops, dense, gradients_of_weights, of_directions
from cells.llvm.passes import Cell
from cells.llvm.plan import Plan, cached_plan, chunk_rows
from cells.llvm.workspace import workspace
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
    equations: CellEquations, rows: Tensor, sizes: Sequence[Sequence[int]], weights: Sequence[Weights]
) -> Tensor:
    """Outputs [K, N, D H] of K models with packed rows [K, N, I]; the states begin at zero.

    Args:
        equations: of the cell that all models have.
        rows: of all models. Those behind a model's real steps are not read, and their outputs not written.
        sizes: of each model, how many of its rows are running at each step.
        weights: of each direction, with a leading K; no projections.
    """
    hidden, item = weights[0].hh.size(2), rows.element_size()
    flat = [weight for own in weights for weight in own]
    models = []
    for k, own_sizes in enumerate(sizes):
        if own_sizes:
            plan = cached_plan(tuple(own_sizes), len(weights), len(weights), chunk_rows(hidden, item), 1)
            models.append(_Model(k, plan))
    kernels = machine.compiled(Cell.of(equations, hidden, item), rows.dtype)
    keep = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (rows, *flat))
    output: Tensor = _StackedFunction.apply(_StackedCall(models, list(map(sum, sizes)), kernels, keep), rows, *flat)
    return output


class _StackedFunction(torch.autograd.Function):
    """(rows, weights) -> output; the weights are the fields of `Weights`, of each direction."""

    @staticmethod
    def forward(ctx: Any, call: _StackedCall, rows: Tensor, *weights: Any) -> Tensor:
        rows, of_direction = dense(rows), of_directions(weights)
        hidden, directions = of_direction[0].hh.size(2), len(of_direction)
        places = rows.shape[:2]
        output = rows.new_empty(*places, directions * hidden)
        gates, states = [], []
        if call.keep_for_backward:
            gates = [workspace.empty(rows, *places, 4 * hidden) for _ in range(directions)]
            states = [workspace.empty(rows, *places, hidden) for _ in range(directions)]
        tasks = []
        for model, loops in _loops_of_models(call, rows, of_direction):
            own_states = model.own(states) if call.keep_for_backward else list(loops.c.clone())
            (own_output,) = model.own([output])
            tasks += loops.forward_tasks(own_output, model.own(gates), own_states)
        team.run_tasks(call.kernels.forward, tasks)
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
        of_direction, (output, *kept) = of_directions(saved[: len(wanted) - 1]), saved[len(wanted) - 1 :]
        directions, d_output = len(of_direction), dense(d_output)
        gates, states = kept[:directions], kept[directions:]
        d_rows = [workspace.empty(rows, *rows.shape) for _ in range(directions if wanted[0] else 0)]
        sums = [_sums(rows, own) for own in of_direction]
        tasks = []
        for model, loops in _loops_of_models(call, rows, of_direction):
            own_output, own_d_output = model.own([output, d_output])
            d_c, d_h = torch.zeros_like(loops.c), torch.zeros_like(loops.h)
            own_d_rows: Sequence[Gradient] = model.own(d_rows) if wanted[0] else [None] * directions
            own_sums = [
                {name: None if total is None else total[model.k] for name, total in of_one.items()} for of_one in sums
            ]
            own = (own_output, model.own(gates), model.own(states), own_d_output)
            tasks += loops.backward_tasks(*own, d_c, d_h, own_d_rows, own_sums, d_h_wanted=False)
        assert call.kernels.backward is not None
        team.run_tasks(call.kernels.backward, tasks)
        found: list[Gradient] = [None, _total_of_rows(d_rows, call.counts)]
        for of_one in sums:
            found += gradients_of_weights(of_one)
        return tuple(d if is_wanted else None for d, is_wanted in zip(found, [False, *wanted], strict=True))


def _loops_of_models(
    call: _StackedCall, rows: Tensor, of_direction: Sequence[Weights]
) -> Iterator[tuple[_Model, Loops]]:
    """Each model that has a step, with the loops on its rows and weights."""
    for model in call.models:
        zeros = rows.new_zeros(len(of_direction), model.plan.batch, of_direction[0].hh.size(2))
        own_weights = [None if weight is None else weight[model.k] for own in of_direction for weight in own]
        (own_rows,) = model.own([rows])
        yield model, Loops(call.kernels, model.plan, call.keep_for_backward, own_rows, zeros, zeros, *own_weights)


def _sums(rows: Tensor, own: Weights) -> dict[str, Gradient]:
    """Buffers for the SUMS of one direction, [K, ..]; zero for a model without a step."""
    models, width, hidden = own.hh.shape
    return {
        "d_w_ih": rows.new_zeros(models, width, rows.size(2)),
        "d_w_hh": rows.new_zeros(models, width, hidden),
        **{name: None if own.bias_ih is None else rows.new_zeros(models, width) for name in ("d_bias_ih", "d_bias_hh")},
        "d_learned": None if own.learned is None else torch.zeros_like(own.learned),
    }


def _total_of_rows(d_rows: Sequence[Tensor], counts: Sequence[int]) -> Gradient:
    """The gradient of the rows: the sum over both directions, zero behind each model's real rows."""
    if not d_rows:
        return None
    total, *others = d_rows
    for other in others:
        total = total.add_(other)
    for k, count in enumerate(counts):
        total[k, count:] = 0.0
    return total
