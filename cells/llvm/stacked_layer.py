"""One layer of K models by the compiled loops, with exact gradients: `cells.llvm.layer`, the models as its tasks.

Every model has its own rows, lengths and weights, and its tasks are those that it would have alone, on one thread for
each direction: so its numbers are, too.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from cells.language.reading import read
from cells.llvm import machine
from cells.llvm.kernels import Cell
from cells.llvm.layer import Call, Gradient, Loops, dense, workspace
from cells.llvm.plan import chunk_rows, plan
from cells.llvm.vector import BYTES
from cells.recurrence import Unroll, Weights


class _Model(NamedTuple):
    """One of the K: its place k, the number of its real rows, and its call."""

    k: int
    rows: int
    call: Call


class _Layer(NamedTuple):
    """What is known beside the tensors: models that have a step, and of all models the numbers of real rows."""

    models: list[_Model]
    counts: list[int]
    kernels: machine.Kernels
    kept: bool


def layer(unroll: Unroll, rows: Tensor, sizes: Sequence[Sequence[int]], weights: Sequence[Weights]) -> Tensor:
    """Outputs [K, N, D H] of K models with packed rows [K, N, I]; initial states are zero.

    Args:
        unroll: of the cell that all of them have.
        rows: of all models. Those behind a model's real steps are not read, and their outputs not written.
        sizes: of each model, how many of its rows are running at each step.
        weights: of each direction, with a leading K; no projections.
    """
    hidden, item = weights[0].hh.size(2), rows.element_size()
    for_c, for_h, _, _ = read(unroll.step.alter)
    no_tensors = 0  # in a formula
    kernels = machine.compiled(Cell(for_c, for_h, no_tensors, tail=hidden % (BYTES // item) != 0), rows.dtype)
    flat = [weight for own in weights for weight in own[:4]]
    kept = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (rows, *flat))
    models = []
    for k, own in enumerate(sizes):
        if own:
            cut = plan(tuple(own), len(weights), len(weights), chunk_rows(hidden, item), 1)
            models.append(_Model(k, sum(own), Call(unroll, list(own), cut, kernels, kept)))
    return _Layers.apply(_Layer(models, list(map(sum, sizes)), kernels, kept), rows, *flat)


class _Layers(torch.autograd.Function):
    """(rows, weights) -> output; the weights are ih, hh, bias_ih and bias_hh of each direction."""

    @staticmethod
    def forward(ctx: Any, layer: _Layer, rows: Tensor, *weights: Any) -> Tensor:
        rows, hidden, directions = dense(rows), weights[1].size(2), len(weights) // 4
        places = rows.shape[:2]
        output = rows.new_empty(*places, directions * hidden)
        gates, states = [], []
        if layer.kept:
            gates = [workspace.empty(rows, *places, 4 * hidden) for _ in range(directions)]
            states = [workspace.empty(rows, *places, hidden) for _ in range(directions)]
        works = []
        for model, loops in _loops(layer, rows, weights):
            own_states = _own(model, states) if layer.kept else list(loops.c.clone())
            works += loops.forward_works(output[model.k, : model.rows], _own(model, gates), own_states)
        machine.run(layer.kernels.forward, [work.words for work in works])
        if layer.kept:
            ctx.layer = layer
            ctx.save_for_backward(rows, *weights, output, *gates, *states)
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_output: Tensor) -> tuple[Any, ...]:
        _, *wanted = ctx.needs_input_grad
        rows, *saved = ctx.saved_tensors
        weights, (output, *kept) = saved[: len(wanted) - 1], saved[len(wanted) - 1 :]
        directions, d_output = len(kept) // 2, dense(d_output)
        gates, states = kept[:directions], kept[directions:]
        d_rows = [workspace.empty(rows, *rows.shape) for _ in range(directions if wanted[0] else 0)]
        sums = [_sums(rows, weights[4 * d + 1]) for d in range(directions)]
        works = []
        for model, loops in _loops(ctx.layer, rows, weights):
            here = model.k, slice(model.rows)
            d_c, d_h = torch.zeros_like(loops.c), torch.zeros_like(loops.h)
            works += loops.backward_works(
                *(output[here], _own(model, gates), _own(model, states), d_output[here], d_c, d_h),
                _own(model, d_rows) or [None] * directions,
                [{name: total[model.k] for name, total in of.items()} for of in sums],
            )
        machine.run(ctx.layer.kernels.backward, [work.words for work in works])
        d_row: Gradient = None
        for of_direction in d_rows:
            d_row = of_direction if d_row is None else d_row.add_(of_direction)
        if d_row is not None:
            for k, count in enumerate(ctx.layer.counts):
                d_row[k, count:] = 0.0
        found: list[Gradient] = [None, d_row]
        for of in sums:
            bias = of["d_bias"]
            found += [of["d_w_ih"].transpose(1, 2), of["d_w_hh"].transpose(1, 2), bias, bias.clone()]
        return tuple(d if is_wanted else None for d, is_wanted in zip(found, [False, *wanted], strict=True))


def _loops(layer: _Layer, rows: Tensor, weights: Sequence[Any]) -> list[tuple[_Model, Loops]]:
    """Of each model, on its rows, with its weights."""
    made = []
    for model in layer.models:
        nothing = rows.new_zeros(len(weights) // 4, model.call.sizes[0], weights[1].size(2))
        own = [None if weight is None else weight[model.k] for weight in weights]
        made.append((model, Loops(model.call, rows[model.k, : model.rows], nothing, nothing, None, *own)))
    return made


def _own(model: _Model, tensors: Sequence[Tensor]) -> list[Tensor]:
    return [tensor[model.k, : model.rows] for tensor in tensors]


def _sums(rows: Tensor, hh: Tensor) -> dict[str, Tensor]:
    """Room for the gradients of one direction's weights, those of each model transposed; zero where one has no step."""
    models, width, hidden = hh.shape
    return {
        "d_w_ih": rows.new_zeros(models, rows.size(2), width),
        "d_w_hh": rows.new_zeros(models, hidden, width),
        "d_bias": rows.new_zeros(models, width),
    }
