"""The compiled loops of one layer on torch's tensors."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from cells.llvm import machine
from cells.llvm.fields import BACKWARD, FORWARD
from cells.llvm.plan import BoundTask, Plan, Task
from cells.llvm.workspace import Workspace

Gradient = Tensor | None

workspace = Workspace()
"""Shared by all layers."""


class Loops:
    """The loops of one layer.

    Args:
        kernels: of the layer's cell.
        plan: its tasks.
        keep_for_backward: whether to keep the gates and states of all steps, as backward needs them.
        rows: the inputs [N, I] of all steps.
        c: the initial c [D, B, H].
        h: the initial h [D, B, H].
        parameters: the tensors of the formulas [P, H], or None.
        weights: ih, hh, bias_ih and bias_hh of each direction.
    """

    def __init__(
        self,
        kernels: machine.Kernels,
        plan: Plan,
        keep_for_backward: bool,
        rows: Tensor,
        c: Tensor,
        h: Tensor,
        parameters: Tensor | None,
        *weights: Tensor | None,
    ) -> None:
        self.kernels, self.plan, self.parameters = kernels, plan, parameters
        self.keep_for_backward = keep_for_backward
        self.directions, _, self.hidden = c.shape
        self.rows, self.c, self.h = (dense(tensor) for tensor in (rows, c, h))
        self.w_ih, self.w_hh = ([dense(weight) for weight in weights[k::4] if weight is not None] for k in (0, 1))
        self.biases = list(zip(weights[2::4], weights[3::4], strict=True))
        self.numbers = {"inputs": rows.size(1), "hidden": self.hidden, "stride": self.directions * self.hidden}
        self.numbers["kept"] = int(keep_for_backward)

    def forward(self) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """-> output [N, D H]; for each direction, the gates [N, 4 H] and c [N, H] of all rows.

        Unless `keep_for_backward`, there are no gates, and c [B, H] is the final one.
        """
        rows, hidden, keep = self.rows, self.hidden, self.keep_for_backward
        output = rows.new_empty(rows.size(0), self.directions * hidden)
        gates = [workspace.empty(rows, rows.size(0), 4 * hidden) for _ in range(self.directions if keep else 0)]
        if keep:
            states = [workspace.empty(rows, rows.size(0), hidden) for _ in range(self.directions)]
        else:
            states = list(self.c.clone())
        tasks = self.forward_tasks(output, gates, states)  # keep alive: they hold the tensors that are read
        machine.run_tasks(self.kernels.forward, [task.words for task in tasks])
        return output, gates, states

    def forward_tasks(self, output: Tensor, gates: Sequence[Tensor], states: Sequence[Tensor]) -> list[BoundTask]:
        """The tasks that fill these three, which are as `forward` returns them."""
        biases = [self._bias(direction) for direction in range(self.directions)]
        tasks = []
        for task in self.plan.tasks:
            d, keep = task.direction, self.keep_for_backward
            tensors = {
                **self._inputs(task),
                "bias": biases[d],
                "gates": gates[d] if keep else output.new_empty(task.chunk_rows, 4 * self.hidden),
                "c": states[d] if keep else states[d][task.low :],
                "out": output[:, d * self.hidden :],
            }
            tasks.append(task.bind(FORWARD, self.numbers, tensors))
        return tasks

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
        """-> the gradients of rows, c, h, parameters and weights, None where not wanted.

        Args:
            output: [N, D H], as `forward` returned it.
            gates: for each direction [N, 4 H], as `forward` returned them.
            states: for each direction the c of all rows [N, H], as `forward` returned them.
            d_output: the gradient of the output.
            d_c: the gradient of the final c [D, B, H].
            d_h: the gradient of the final h [D, B, H].
            wanted: for each tensor given to `Loops`, whether its gradient is wanted.
        """
        d_c, d_h = dense(d_c).clone(), dense(d_h).clone()  # the loops update them
        d_rows = [workspace.empty(self.rows, *self.rows.shape) if wanted[0] else None for _ in range(self.directions)]
        sums = [self._sums(task, wanted[4 + 4 * task.direction :]) for task in self.plan.tasks]
        tasks = self.backward_tasks(output, gates, states, dense(d_output), d_c, d_h, d_rows, sums, wanted[2])
        machine.run_tasks(self.kernels.backward, [task.words for task in tasks])
        found = (_total(d_rows), d_c, d_h, _total([task.tensors["d_parameters"] for task in tasks]))
        inputs = [gradient if is_wanted else None for gradient, is_wanted in zip(found, wanted, strict=False)]
        return [*inputs, *_of_weights(tasks, wanted[4:])]

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
            d = task.direction
            columns = slice(d * self.hidden, (d + 1) * self.hidden)
            tensors = {
                **self._inputs(task),
                **{"gates": gates[d], "c": states[d], "out": output[:, columns], "d_out": d_output[:, columns]},
                **{"d_c": d_c[d, task.low :], "d_h": d_h[d, task.low :], "d_x": d_rows[d]},
                "d_gates": self.rows.new_empty(task.chunk_rows, 4 * self.hidden),
                "h_before": self.rows.new_empty(task.chunk_rows, self.hidden),
                **own,
            }
            tasks.append(task.bind(BACKWARD, numbers, tensors))
        return tasks

    def _inputs(self, task: Task) -> dict[str, Gradient]:
        """The tensors that both passes of a task read."""
        d = task.direction
        states = {"h0": self.h[d, task.low :], "c0": self.c[d, task.low :]}
        return {"x": self.rows, "parameters": self.parameters, **states, "w_ih": self.w_ih[d], "w_hh": self.w_hh[d]}

    def _bias(self, direction: int) -> Tensor:
        bias_ih, bias_hh = self.biases[direction]
        return self.rows.new_zeros(4 * self.hidden) if bias_ih is None or bias_hh is None else bias_ih + bias_hh

    def _sums(self, task: Task, wanted: Sequence[bool]) -> dict[str, Gradient]:
        """Buffers for gradients summed within a task; `wanted`: for W_ih and W_hh."""
        inputs, width = self.rows.size(1), 4 * self.hidden
        return {
            "d_w_ih": self.rows.new_empty(inputs, width) if wanted[0] else None,
            "d_w_hh": self.rows.new_empty(self.hidden, width) if wanted[1] else None,
            "d_bias": self.rows.new_zeros(width),
            "d_parameters": None if self.parameters is None else self.parameters.new_zeros(self.parameters.shape),
        }


def dense(tensor: Tensor) -> Tensor:
    """The tensor with its numbers in memory row by row and with their signs."""
    return tensor.contiguous().resolve_neg()


def _of_weights(tasks: list[BoundTask], wanted: Sequence[bool]) -> list[Gradient]:
    """The gradients of all weights in their order: sums over the tasks of a direction."""
    result: list[Gradient] = []
    for d in range(len(wanted) // 4):
        own = [task.tensors for task in tasks if task.direction == d]
        d_ih, d_hh, d_bias = (_total([sums[name] for sums in own]) for name in ("d_w_ih", "d_w_hh", "d_bias"))
        _, _, bias_ih, bias_hh = wanted[4 * d : 4 * d + 4]
        result += [None if d_weight is None else d_weight.t() for d_weight in (d_ih, d_hh)]
        result.append(d_bias if bias_ih else None)
        result.append(d_bias.clone() if d_bias is not None and bias_hh else None)  # two gradients, not one twice
    return result


def _total(parts: Sequence[Gradient]) -> Gradient:
    """The sum, in the memory of the first part; None if the parts are None."""
    first, *others = parts
    for part in others:
        if first is not None and part is not None:
            first.add_(part)
    return first
