"""The compiled loops of one layer on torch's tensors."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from cells.llvm import machine, team
from cells.llvm.fields import BACKWARD, FORWARD
from cells.llvm.plan import BoundTask, Place, Plan, Task
from cells.llvm.workspace import workspace
from cells.recurrence import Weights

Gradient = Tensor | None

LANES = 16  # of the widest vector of any target and type


class Loops:
    """The loops of one layer.

    Args:
        kernels: of the layer's cell.
        plan: its tasks.
        keep_for_backward: whether to keep `gates` and states of all steps, as backward needs them.
        rows: the inputs [N, I] of all steps.
        c: the initial c [D, B, H].
        h: the initial h [D, B, H].
        weights: the fields of `Weights`, of each direction.
    """

    def __init__(
        self,
        kernels: machine.Kernels,
        plan: Plan,
        keep_for_backward: bool,
        rows: Tensor,
        c: Tensor,
        h: Tensor,
        *weights: Tensor | None,
    ) -> None:
        self.kernels, self.plan, self.keep_for_backward = kernels, plan, keep_for_backward
        self.directions, _, self.hidden = c.shape
        self.rows, self.c, self.h = (dense(tensor) for tensor in (rows, c, h))
        self.weights = [_dense_weights(own) for own in of_directions(weights)]
        self.numbers = {"inputs": rows.size(1), "hidden": self.hidden, "stride": self.directions * self.hidden}
        self.numbers["kept"] = int(keep_for_backward)
        noise, masks = self.weights[0].noise, self.weights[0].masks
        if noise is not None:
            self.numbers["noise_rows"] = noise.size(1)
        if masks is not None:
            self.numbers["mask_rows"] = masks.size(1)

    def forward(self) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """-> output [N, D H]; for each direction, what the cell keeps [N, 4 H] and c [N, H] of all rows.

        Unless `keep_for_backward`, nothing of the former is there, and c [B, H] is the final one.
        """
        rows, hidden, keep = self.rows, self.hidden, self.keep_for_backward
        output = rows.new_empty(rows.size(0), self.directions * hidden)
        gates = [workspace.empty(rows, rows.size(0), 4 * hidden) for _ in range(self.directions if keep else 0)]
        if keep:
            states = [workspace.empty(rows, rows.size(0), hidden) for _ in range(self.directions)]
        else:
            states = list(self.c.clone())
        tasks = self.forward_tasks(output, gates, states)  # keep alive: they hold the tensors that are read
        team.run_tasks(self.kernels.forward, tasks)
        return output, gates, states

    def forward_tasks(self, output: Tensor, gates: Sequence[Tensor], states: Sequence[Tensor]) -> list[BoundTask]:
        """The tasks that fill these three, which are as `forward` returns them."""
        tasks, keep, hidden = [], self.keep_for_backward, self.hidden
        for task in self.plan.tasks:
            d = task.direction
            own = self.weights[d]
            tensors = {
                **self._inputs(task),
                **{"bias_ih": own.bias_ih, "bias_hh": own.bias_hh, "gates": gates[d] if keep else None},
                "c": states[d] if keep else Place(states[d], task.low * hidden),
                "out": Place(output, d * hidden),
            }
            sizes = {
                "packed": (self.rows.size(1) + hidden) * padded(4 * hidden),
                **{"chunk_gates": 0 if keep else task.chunk_rows * 4 * hidden, "bias": 4 * hidden},
                "r": self._of_a_step(task),
            }
            tasks.append(task.bind(FORWARD, self.numbers, tensors, self._bytes(sizes)))
        return tasks

    def backward(
        self,
        output: Tensor,
        gates: Sequence[Tensor],
        states: Sequence[Tensor],
        d_output: Tensor,
        d_c: Gradient,
        d_h: Gradient,
        wanted: Sequence[bool],
    ) -> list[Gradient]:
        """-> the gradients of rows, c, h and the weights' fields, None where not wanted.

        Args:
            output: [N, D H], as `forward` returned it.
            gates: for each direction what the cell keeps [N, 4 H], as `forward` returned them.
            states: for each direction the c of all rows [N, H], as `forward` returned them.
            d_output: the gradient of the output.
            d_c: the gradient of the final c [D, B, H], None where it is zero.
            d_h: likewise of the final h.
            wanted: for each tensor given to `Loops`, whether its gradient is wanted.
        """
        # The loops update these two.
        d_c, d_h = (self.c.new_zeros(self.c.shape) if d is None else dense(d).clone() for d in (d_c, d_h))
        d_rows = [workspace.empty(self.rows, *self.rows.shape) if wanted[0] else None for _ in range(self.directions)]
        wanted_of_weights = of_directions(wanted[3:])
        sums = [self._sums(task, wanted_of_weights[task.direction]) for task in self.plan.tasks]
        tasks = self.backward_tasks(output, gates, states, dense(d_output), d_c, d_h, d_rows, sums, wanted[2])
        assert self.kernels.backward is not None
        team.run_tasks(self.kernels.backward, tasks)
        found = [_total(d_rows), d_c, d_h]
        for d in range(self.directions):
            own = [part for task, part in zip(tasks, sums, strict=True) if task.direction == d]
            found += gradients_of_weights({name: _total([part[name] for part in own]) for name in SUMS})
        return [gradient if is_wanted else None for gradient, is_wanted in zip(found, wanted, strict=True)]

    def backward_tasks(
        self,
        output: Tensor,
        gates: Sequence[Tensor],
        states: Sequence[Tensor],
        d_output: Tensor,
        d_c: Tensor,
        d_h: Tensor,
        d_rows: Sequence[Gradient],
        sums: Sequence[Mapping[str, Gradient]],
        d_h_wanted: bool,
    ) -> list[BoundTask]:
        """The tasks that fill `d_rows` of each direction and the `sums` of each task.

        They make d_c and d_h the gradients of the initial states, d_h only if it is wanted.
        """
        numbers = {**self.numbers, "d_h0_wanted": int(d_h_wanted)}
        tasks = []
        for task, own in zip(self.plan.tasks, sums, strict=True):
            d, inputs, hidden = task.direction, self.rows.size(1), self.hidden
            first = self._first(task)
            tensors = {
                **self._inputs(task),
                **{"gates": gates[d], "c": states[d]},
                **{"out": Place(output, d * hidden), "d_out": Place(d_output, d * hidden)},
                **{"d_c": Place(d_c, first), "d_h": Place(d_h, first), "d_x": d_rows[d]},
                **own,
            }
            sizes = {
                "packed": 4 * hidden * (padded(hidden) + padded(inputs)),
                "sums": 4 * hidden * (hidden + inputs),
                **{"d_gates": task.chunk_rows * 4 * hidden, "r": task.chunk_rows * hidden},
                **{"d_r": self._of_a_step(task), "d_bias": 4 * hidden},
            }
            tasks.append(task.bind(BACKWARD, numbers, tensors, self._bytes(sizes)))
        return tasks

    def _inputs(self, task: Task) -> dict[str, Tensor | Place | None]:
        """The tensors that both passes of a task read."""
        own, first = self.weights[task.direction], self._first(task)
        states = {"h0": Place(self.h, first), "c0": Place(self.c, first)}
        masks = None if own.masks is None else Place(own.masks, task.low * self.hidden)
        drawn = {"noise": own.noise, "masks": masks}
        return {"x": self.rows, "learned": own.learned, **drawn, **states, "w_ih": own.ih, "w_hh": own.hh}

    def _bytes(self, numbers: Mapping[str, int]) -> dict[str, int]:
        """The bytes of that many numbers for each name, without those that need none."""
        return {name: count * self.rows.element_size() for name, count in numbers.items() if count}

    def _first(self, task: Task) -> int:
        """The place of a task's first row in states [D, B, H]."""
        return (task.direction * self.c.size(1) + task.low) * self.hidden

    def _of_a_step(self, task: Task) -> int:
        """The numbers of r or dr of a task's rows at a step, where the cell needs room for them."""
        return 0 if self.kernels.multiplies_h else (task.high - task.low) * self.hidden

    def _sums(self, task: Task, wanted: Weights) -> dict[str, Gradient]:
        """Buffers for gradients summed within a task; `wanted` holds for each weight whether its gradient is wanted."""
        inputs, width, learned = self.rows.size(1), 4 * self.hidden, self.weights[task.direction].learned
        return {
            "d_w_ih": self.rows.new_empty(width, inputs) if wanted.ih else None,
            "d_w_hh": self.rows.new_empty(width, self.hidden) if wanted.hh else None,
            "d_bias_ih": self.rows.new_empty(width) if wanted.bias_ih else None,
            "d_bias_hh": self.rows.new_empty(width) if wanted.bias_hh else None,
            "d_learned": None if learned is None else torch.zeros_like(learned),
        }


def _dense_weights(own: Weights) -> Weights:
    """The weights, each of them `dense`."""
    return Weights._make([None if tensor is None else dense(tensor) for tensor in own])


SUMS = ("d_w_ih", "d_w_hh", "d_bias_ih", "d_bias_hh", "d_learned")
"""The gradients that a task sums up, by the names of its fields."""


def of_directions(values: Sequence[Any]) -> list[Weights]:
    """Values for the fields of `Weights` of one direction after the other, as that of each direction."""
    width = len(Weights._fields)
    return [Weights._make(values[k : k + width]) for k in range(0, len(values), width)]


def padded(columns: int) -> int:
    """At least as many columns as `cells.llvm.products` has in the panels of a matrix."""
    return -(-columns // LANES) * LANES


def dense(tensor: Tensor) -> Tensor:
    """The tensor with its numbers in memory row by row and with their signs."""
    return tensor.contiguous().resolve_neg()


def gradients_of_weights(sums: Mapping[str, Gradient]) -> list[Gradient]:
    """The gradients of the fields of `Weights`, from the SUMS of one direction."""
    d_ih, d_hh, d_bias_ih, d_bias_hh, d_learned = (sums[name] for name in SUMS)
    return list(Weights(d_ih, d_hh, d_bias_ih, d_bias_hh, None, d_learned, None, None))  # type: ignore[arg-type]


def _total(parts: Sequence[Gradient]) -> Gradient:
    """The sum, in the memory of the first part; None if the parts are None."""
    first, *others = parts
    for part in others:
        if first is not None and part is not None:
            first.add_(part)
    return first
