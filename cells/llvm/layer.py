"""One layer by compiled loops, with exact gradients: the side of `cells.llvm.kernels` that torch sees."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cells.language.reading import Written, read
from cells.llvm import machine, threads
from cells.llvm.kernels import Cell
from cells.llvm.plan import Plan, Task, Work, chunk_rows, plan
from cells.llvm.vector import BYTES
from cells.llvm.workspace import Workspace
from cells.recurrence import Step, Unroll, Weights, runner

Gradient = Tensor | None
workspace = Workspace()
"""Of all layers."""


_seen: list[dict[str, Tensor]] | None = None
"""Where states and gates go while somebody observes."""


@contextmanager
def observed() -> Iterator[list[dict[str, Tensor]]]:
    """Collect c, h and the gates i f g o of every layer and direction, [N, H] each in the order of the packed rows."""
    global _seen
    before, _seen = _seen, []
    try:
        yield _seen
    finally:
        _seen = before


@dataclass(frozen=True)
class Call:
    """What a call has beside its tensors."""

    unroll: Unroll
    sizes: list[int]
    plan: Plan
    kernels: machine.Kernels
    kept: bool  # for backward, which may follow


def layer(
    unroll: Unroll, rows: Tensor, sizes: list[int], c: Tensor, h: Tensor, weights: list[Weights]
) -> tuple[Tensor, Tensor, Tensor]:
    """As `Unroll.forward`, for weights without a projection and N > 0."""
    directions, hidden, item = len(weights), c.size(2), c.element_size()
    for_c, for_h, tensors, _ = read(unroll.step.alter)
    cell = Cell(for_c, for_h, len(tensors), tail=hidden % (BYTES // item) != 0)
    parameters = torch.stack([tensor.expand(1, hidden).squeeze(0) for tensor in tensors]) if tensors else None
    flat = [weight for own in weights for weight in own[:4]]
    inputs = (rows, c, h, parameters, *flat)
    kept = _seen is not None or (
        torch.is_grad_enabled() and any(tensor is not None and tensor.requires_grad for tensor in inputs)
    )
    cut = plan(tuple(sizes), directions, threads.planned(), chunk_rows(hidden, item), rows.size(1) + hidden)
    return _Layer.apply(Call(unroll, sizes, cut, machine.compiled(cell, c.dtype), kept), *inputs)


class _Layer(torch.autograd.Function):
    """(rows, c, h, parameters, weights) -> (output, c, h).

    parameters [P, H] or None are those of the formulas, weights are ih, hh, bias_ih and bias_hh of each direction.
    """

    @staticmethod
    def forward(ctx: Any, call: Call, *inputs: Any) -> tuple[Tensor, Tensor, Tensor]:
        _, c, h, *_ = inputs
        output, gates, states = Loops(call, *inputs).forward()
        if _seen is not None:
            hidden = c.size(2)
            for h_after, c_after, of_all in zip(output.split(hidden, 1), states, gates, strict=True):
                _seen.append({"c": c_after, "h": h_after, **dict(zip("ifgo", of_all.split(hidden, 1), strict=True))})
        if call.kept:
            ctx.call = call
            ctx.set_materialize_grads(False)
            ctx.save_for_backward(*inputs, output, *gates, *states)
        last_c = _last(call.plan, states, c) if call.kept else torch.stack(states)
        return output, last_c, _last(call.plan, output.split(c.size(2), 1), h)

    @staticmethod
    def backward(ctx: Any, *gradients: Gradient) -> tuple[Any, ...]:
        call: Call = ctx.call
        _, *wanted = ctx.needs_input_grad
        saved = ctx.saved_tensors  # read once: some users of saved tensors allow no more
        inputs, (output, *kept) = saved[: len(wanted)], saved[len(wanted) :]
        batched = any(d is not None and torch._C._functorch.is_legacy_batchedtensor(d) for d in gradients)
        if torch.is_grad_enabled() or batched:
            return None, *_by_reference(call, inputs, wanted, gradients, torch.is_grad_enabled())
        _, c, h, *_ = inputs
        d_output, d_c, d_h = (
            torch.zeros_like(value, memory_format=torch.contiguous_format) if d is None else d
            for value, d in zip((output, c, h), gradients, strict=True)
        )
        gates, states = kept[: c.size(0)], kept[c.size(0) :]
        return None, *Loops(call, *inputs).backward(output, gates, states, d_output, d_c, d_h, wanted)


class Loops:
    """The loops on the tensors of one layer."""

    def __init__(
        self, call: Call, rows: Tensor, c: Tensor, h: Tensor, parameters: Tensor | None, *weights: Any
    ) -> None:
        self.call, (self.directions, _, self.hidden) = call, c.shape
        self.parameters = parameters
        self.rows, self.c, self.h = (dense(tensor) for tensor in (rows, c, h))
        self.numbers = {"inputs": rows.size(1), "hidden": self.hidden, "stride": self.directions * self.hidden}
        self.numbers["kept"] = int(call.kept)
        self.weights = []
        for d in range(self.directions):
            ih, hh, bias_ih, bias_hh = weights[4 * d : 4 * d + 4]
            bias = rows.new_zeros(4 * self.hidden) if bias_ih is None else bias_ih + bias_hh
            self.weights.append({"w_ih": dense(ih), "w_hh": dense(hh), "bias": bias})

    def forward(self) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """-> output [N, D H]; for each direction, the gates [N, 4 H] and c [N, H] of all rows.

        If nothing is kept, there are no gates, and c [B, H] is the final one.
        """
        rows, hidden, kept = self.rows, self.hidden, self.call.kept
        output = rows.new_empty(rows.size(0), self.directions * hidden)
        gates = [workspace.empty(rows, rows.size(0), 4 * hidden) for _ in range(self.directions if kept else 0)]
        if kept:
            states = [workspace.empty(rows, rows.size(0), hidden) for _ in range(self.directions)]
        else:
            states = list(self.c.clone())
        works = self.forward_works(output, gates, states)  # has to live on: it holds the tensors that are read
        machine.run(self.call.kernels.forward, [work.words for work in works])
        return output, gates, states

    def forward_works(self, output: Tensor, gates: Sequence[Tensor], states: Sequence[Tensor]) -> list[Work]:
        """What fills these three, which are as `forward` returns them."""
        works = []
        for task in self.call.plan.tasks:
            d, kept = task.direction, self.call.kept
            buffers = {
                "gates": gates[d] if kept else output.new_empty(task.chunk_rows, 4 * self.hidden),
                "c": states[d] if kept else states[d][task.low :],
                "out": output[:, d * self.hidden :],
            }
            works.append(self._work(task, buffers))
        return works

    def backward(
        self,
        output: Tensor,
        gates: Sequence[Tensor],
        states: Sequence[Tensor],
        d_output: Tensor,
        d_c: Tensor,
        d_h: Tensor,
        wanted: Sequence[bool],
    ) -> list[Gradient]:
        """-> the gradients of rows, c, h, parameters and weights, None where not wanted."""
        d_c, d_h = dense(d_c).clone(), dense(d_h).clone()  # the loops update them
        d_rows = [workspace.empty(self.rows, *self.rows.shape) if wanted[0] else None for _ in range(self.directions)]
        sums = [self._sums(task, wanted[4 + 4 * task.direction :]) for task in self.call.plan.tasks]
        self.numbers["d_h0_wanted"] = int(wanted[2])
        works = self.backward_works(output, gates, states, dense(d_output), d_c, d_h, d_rows, sums)
        machine.run(self.call.kernels.backward, [work.words for work in works])
        d_parameters = _sum([work.tensors["d_parameters"] for work in works])
        found = (_sum(d_rows), d_c, d_h, d_parameters)
        inputs = [gradient if is_wanted else None for gradient, is_wanted in zip(found, wanted, strict=False)]
        return [*inputs, *_of_weights(works, wanted[4:])]

    def backward_works(
        self,
        output: Tensor,
        gates: Sequence[Tensor],
        states: Sequence[Tensor],
        d_output: Tensor,
        d_c: Tensor,
        d_h: Tensor,
        d_rows: Sequence[Gradient],
        sums: Sequence[Mapping[str, Gradient]],
    ) -> list[Work]:
        """What fills `d_rows` of each direction and the `sums` of each task, and makes d_c and d_h the initial ones."""
        works = []
        for task, own in zip(self.call.plan.tasks, sums, strict=True):
            d = task.direction
            columns = slice(d * self.hidden, (d + 1) * self.hidden)
            buffers = {
                **{"gates": gates[d], "c": states[d], "out": output[:, columns], "d_out": d_output[:, columns]},
                **{"d_c": d_c[d, task.low :], "d_h": d_h[d, task.low :], "d_x": d_rows[d]},
                **self._buffers(task),
                **own,
            }
            works.append(self._work(task, buffers))
        return works

    def _buffers(self, task: Task) -> dict[str, Tensor]:
        """Of a chunk of steps on the way back."""
        return {
            "d_gates": self.rows.new_empty(task.chunk_rows, 4 * self.hidden),
            "h_before": self.rows.new_empty(task.chunk_rows, self.hidden),
        }

    def _sums(self, task: Task, wanted: Sequence[bool]) -> dict[str, Gradient]:
        """Buffers for what is summed up within a task; `wanted`: for W_ih and W_hh."""
        inputs, width = self.rows.size(1), 4 * self.hidden
        return {
            "d_w_ih": self.rows.new_empty(inputs, width) if wanted[0] else None,
            "d_w_hh": self.rows.new_empty(self.hidden, width) if wanted[1] else None,
            "d_bias": self.rows.new_zeros(width),
            "d_parameters": None if self.parameters is None else torch.zeros_like(self.parameters),
        }

    def _work(self, task: Task, buffers: Mapping[str, Gradient]) -> Work:
        d = task.direction
        states = {"h0": self.h[d, task.low :], "c0": self.c[d, task.low :]}
        inputs = {"x": self.rows, "parameters": self.parameters, **states, **self.weights[d]}
        return task.work(self.numbers, {**inputs, **buffers})


def dense(tensor: Tensor) -> Tensor:
    """With its numbers in memory as they are, row by row."""
    return tensor.contiguous().resolve_neg()


def _last(plan: Plan, states: Sequence[Tensor], initial: Tensor) -> Tensor:
    """The final state of each row of the batch [D, B, H]: of its last step, or the initial one where it has none."""
    stepless = initial[:, plan.batch :]
    return torch.stack([torch.cat([plan.final(s, d), stepless[d]]) for d, s in enumerate(states)])


def _of_weights(works: list[Work], wanted: Sequence[bool]) -> list[Gradient]:
    """The gradients of all weights in their order: sums over the tasks of a direction."""
    result: list[Gradient] = []
    for d in range(len(wanted) // 4):
        own = [work.tensors for work in works if work.direction == d]
        d_ih, d_hh, d_bias = (_sum([sums[name] for sums in own]) for name in ("d_w_ih", "d_w_hh", "d_bias"))
        _, _, bias_ih, bias_hh = wanted[4 * d : 4 * d + 4]
        result += [None if d_weight is None else d_weight.t() for d_weight in (d_ih, d_hh)]
        result.append(d_bias if bias_ih else None)
        result.append(d_bias.clone() if d_bias is not None and bias_hh else None)  # two gradients, not one twice
    return result


def _sum(parts: Sequence[Gradient]) -> Gradient:
    """In the memory of the first one; None of Nones."""
    first, *others = parts
    for part in others:
        if first is not None and part is not None:
            first.add_(part)
    return first


@torch.enable_grad()
def _by_reference(
    call: Call, inputs: Sequence[Any], wanted: Sequence[bool], gradients: Sequence[Gradient], create_graph: bool
) -> list[Gradient]:
    """The gradients through the reference: they may be differentiated again, or be a batch of them at once."""
    own: list[Any] = [None if t is None else t.view_as(t) for t in inputs]  # apart, even where two are the same
    rows, c, h, parameters, *weights = own
    loop = runner(call.unroll)
    if parameters is not None:  # by them and not by the module's own tensors the gradients are wanted
        step = Step(None)
        step.alter = Written(read(call.unroll.step.alter), list(parameters))
        loop = Unroll(step)
    layers = [Weights._make([*weights[k : k + 4], None]) for k in range(0, len(weights), 4)]
    results = loop(rows, call.sizes, c, h, layers)
    given = [(result, d) for result, d in zip(results, gradients, strict=True) if d is not None]
    if not given:  # nothing came from downstream
        return [None] * len(wanted)
    by = [tensor for tensor, is_wanted in zip(own, wanted, strict=True) if is_wanted]
    outputs, d_outputs = zip(*given, strict=True)
    found = iter(torch.autograd.grad(outputs, by, d_outputs, create_graph=create_graph, allow_unused=True))
    return [next(found) if is_wanted else None for is_wanted in wanted]
