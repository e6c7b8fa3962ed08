"""One layer by compiled loops, with exact gradients."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from cells.equations import GATES, CellEquations
from cells.llvm import machine, threads
from cells.llvm.loops import Gradient, Loops
from cells.llvm.passes import Cell
from cells.llvm.plan import Plan, cached_plan, chunk_rows
from cells.recurrence import States, Unroll, Weights, known_cell
from cells.torchscript.gradients import gradients_by_definition


class _LayerCall(NamedTuple):
    """A call of `run_layer`, except its tensors."""

    equations: CellEquations
    sizes: list[int]
    plan: Plan
    kernels: machine.Kernels
    keep_for_backward: bool  # also where `seen` needs them: `gates` and states of all steps
    seen: list[States] | None  # where states and gates go if the layer is observed


def run_layer(
    unroll: Unroll,
    rows: Tensor,
    sizes: list[int],
    c: Tensor,
    h: Tensor,
    weights: list[Weights],
    seen: list[States] | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """As `cells.backends.Backend.layer`, for weights without a projection and N > 0."""
    known = known_cell(unroll.step, weights)
    directions, hidden, item = len(weights), c.size(2), c.element_size()
    if known.tensors:
        learned = torch.stack([tensor.expand(1, hidden).squeeze(0) for tensor in known.tensors])
        weights = [own._replace(learned=learned) for own in weights]
    inputs = (rows, c, h, *(weight for own in weights for weight in own))
    wanted = torch.is_grad_enabled() and any(tensor is not None and tensor.requires_grad for tensor in inputs)
    if seen is not None and wanted:
        with torch.no_grad():  # a pass of its own, as backward may need something else kept than the gates
            run_layer(unroll, rows, sizes, c, h, weights, seen)
        seen = None
    cell = Cell.of(known.equations, hidden, item)
    kernels = machine.compiled(cell if seen is None else cell.observed, c.dtype)
    plan = cached_plan(tuple(sizes), directions, threads.planned(), chunk_rows(hidden, item), rows.size(1) + hidden)
    call = _LayerCall(known.equations, sizes, plan, kernels, wanted or seen is not None, seen)
    results: tuple[Tensor, Tensor, Tensor] = _LayerFunction.apply(call, *inputs)
    return results


class _LayerFunction(torch.autograd.Function):
    """(rows, c, h, weights) -> (output, c, h); the weights are the fields of `Weights`, of each direction."""

    @staticmethod
    def forward(ctx: Any, call: _LayerCall, *inputs: Any) -> tuple[Tensor, Tensor, Tensor]:
        _, c, h, *_ = inputs
        output, gates, states = Loops(call.kernels, call.plan, call.keep_for_backward, *inputs).forward()
        hidden = c.size(2)
        if call.seen is not None:
            for h_after, c_after, four in zip(output.split(hidden, 1), states, gates, strict=True):
                own_gates = dict(zip(GATES, four.split(hidden, 1), strict=True))
                call.seen.append({"c": c_after, "h": h_after, **own_gates})
        if call.keep_for_backward:
            ctx.call = call
            ctx.set_materialize_grads(False)
            ctx.save_for_backward(*inputs, output, *gates, *states)
        last_c = _last(call.plan, states, c) if call.keep_for_backward else torch.stack(states)
        return output, last_c, _last(call.plan, output.split(hidden, 1), h)

    @staticmethod
    def backward(ctx: Any, *gradients: Gradient) -> tuple[Any, ...]:
        call: _LayerCall = ctx.call
        _, *wanted = ctx.needs_input_grad
        saved = ctx.saved_tensors  # read once: some hooks let saved tensors be unpacked only once
        inputs, (output, *kept) = saved[: len(wanted)], saved[len(wanted) :]
        batched = any(d is not None and torch._C._functorch.is_legacy_batchedtensor(d) for d in gradients)
        again = torch.is_grad_enabled()
        if again or batched:
            return None, *gradients_by_definition(call.equations, call.sizes, inputs, wanted, gradients, again)
        d_output, d_c, d_h = gradients
        if d_output is None:
            d_output = torch.zeros_like(output)
        directions = len(kept) // 2
        gates, states = kept[:directions], kept[directions:]
        loops = Loops(call.kernels, call.plan, call.keep_for_backward, *inputs)
        return None, *loops.backward(output, gates, states, d_output, d_c, d_h, wanted)


def _last(plan: Plan, states: Sequence[Tensor], initial: Tensor) -> Tensor:
    """The final states [D, B, H]: each row's state at its last step, or its initial state if it has no steps."""
    last = torch.stack([plan.final(s, d) for d, s in enumerate(states)])
    return last if plan.batch == initial.size(1) else torch.cat([last, initial[:, plan.batch :]], 1)
