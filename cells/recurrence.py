"""One step of a cell (`Step`), and the loop over time: over a layer (`Unroll`), over many models side by side
(`StackedUnroll`).

This is the definition, in operations of torch that TorchScript can compile; every backend computes the same. The
equations of a cell are in `cells.equations`.

In this file the states come in the order c, h of the paper and the alterations; torch's order h, c begins in
`cells.lstm`. Batches lie as in a PackedSequence: longest row first, all rows of step 0, then those of step 1
that are still running, and so on; `sizes[t]` is their number at step t.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cells.equations import CellEquations


class KnownCell(NamedTuple):
    """A cell whose equations are known.

    Attributes:
        equations: of the cell.
        tensors: the values of `equations.learned` where a user's module brings them; empty where `Weights.learned`
            has them.
        dtypes: those to which a user's module casts the states; the equations hold only for cells of that dtype.
    """

    equations: CellEquations
    tensors: list[Tensor]
    dtypes: frozenset[torch.dtype] = frozenset()


class Step(nn.Module):
    """One step of the cell: equations 1 to 7, as `cells.equations` lists them.

    Args:
        cell: the equations as a module (see `forward`), made by `cells.cell_module`. It has
            - `name`;
            - `why_eager`: why TorchScript cannot compile it, empty if it can;
            - `known()`: its KnownCell, or raises UnreadableError;
            - `recurrent(h_prev, learned, masks)`: the vectors that W_hh is multiplied by;
            - `states`, with the arguments of `forward`: current, hidden, i, f, g, o.
    """

    def __init__(self, cell: nn.Module) -> None:
        super().__init__()
        self.alteration = str(cell.name)
        self.cell: Any = cell

    def forward(
        self, gates: Tensor, c: Tensor, h: Tensor, learned: Tensor | None, noise: Tensor | None, masks: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """-> c, h of this step.

        Args:
            gates: the pre-activations [.., 4 H] in torch's order i f g o.
            c: of the step before, [.., H].
            h: of the step before.
            learned: the learned coefficients [P, .., H], in the order of `CellEquations.learned`.
            noise: drawn for this step, [Q, .., H].
            masks: drawn for these rows, [R, .., H].
        """
        result: tuple[Tensor, Tensor] = self.cell(gates, c, h, learned, noise, masks)
        return result

    def recurrent(self, h: Tensor, learned: Tensor | None, masks: Tensor | None) -> Tensor:
        """The vectors that W_hh is multiplied by, for the h of the step before."""
        result: Tensor = self.cell.recurrent(h, learned, masks)
        return result


class Weights(NamedTuple):
    """The weights of one layer in one direction, with torch's names and shapes, and what else its equations read."""

    ih: Tensor  # [4 H, I]
    hh: Tensor  # [4 H, H], or [4 H, P] with a projection to P
    bias_ih: Tensor | None  # [4 H]
    bias_hh: Tensor | None
    hr: Tensor | None  # [P, H]
    learned: Tensor | None  # [number of names, H], in the order of `CellEquations.learned`
    noise: Tensor | None  # [number of names, N, H], drawn for every packed row
    masks: Tensor | None  # [number of names, B, H], drawn for every row of the batch


def by_rows(weight: Tensor) -> Tensor:
    """The weight. Its gradient lies in memory row by row, also where it is the transpose of what a product gives."""
    return weight.reshape(-1).reshape(weight.shape)


class Unroll(nn.Module):
    """All steps of one layer.

    A row that has ended (in reverse: not begun) keeps its state, so a row without any step ends as it began.
    """

    def __init__(self, step: Step) -> None:
        super().__init__()
        self.step = step

    def forward(
        self, rows: Tensor, sizes: list[int], c: Tensor, h: Tensor, weights: list[Weights]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """-> outputs [N, D H], final c and h [D, B, H], for the weights of D = 1 or 2 directions.

        rows [N, I] are the inputs of all N = sum(sizes) steps; c and h [D, B, H] are the initial states. With a
        projection, every h and the outputs have P in place of H.
        """
        outputs: list[Tensor] = []
        final_c: list[Tensor] = []
        final_h: list[Tensor] = []
        for direction, own in enumerate(weights):
            output, last_c, last_h = self._direction(rows, sizes, c[direction], h[direction], own, direction == 1)
            outputs.append(output)
            final_c.append(last_c)
            final_h.append(last_h)
        return torch.cat(outputs, 1), torch.stack(final_c), torch.stack(final_h)

    def _direction(
        self, rows: Tensor, sizes: list[int], c: Tensor, h: Tensor, weights: Weights, reverse: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        weight_ih, weight_hh, bias, bias_hh, weight_hr, learned, noise, masks = weights
        if bias is not None and bias_hh is not None:
            bias = bias + bias_hh
        weight_hh = by_rows(weight_hh)
        if weight_hr is not None:
            weight_hr = by_rows(weight_hr)
        gates = F.linear(rows, weight_ih, bias).split(sizes)  # W_ih x + b of all steps in one product
        noise_of_step: list[Tensor] = []
        if noise is not None:
            noise_of_step = list(noise.split(sizes, 1))
        outputs: list[Tensor] = []
        for k in range(len(sizes)):
            t = len(sizes) - 1 - k if reverse else k
            n = sizes[t]
            own_noise = noise_of_step[t] if noise is not None else None
            own_masks = masks[:, :n] if masks is not None else None
            recurrent = self.step.recurrent(h[:n], learned, own_masks)
            product = torch.addmm(gates[t], recurrent, weight_hh.t())
            step_c, step_h = self.step(product, c[:n], h[:n], learned, own_noise, own_masks)
            if weight_hr is not None:
                step_h = step_h @ weight_hr.t()
            outputs.append(step_h)
            c = torch.cat([step_c, c[n:]]) if n < c.size(0) else step_c
            h = torch.cat([step_h, h[n:]]) if n < h.size(0) else step_h
        if reverse:
            outputs.reverse()
        return torch.cat(outputs), c, h


class StackedUnroll(nn.Module):
    """All steps of one layer of K models side by side: one product for all of them in a step, on padded rows."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self.step = step

    def forward(
        self,
        gates: Tensor,
        live: Tensor,
        weight_hh: Tensor,
        learned: Tensor | None,
        noise: Tensor | None,
        masks: Tensor | None,
    ) -> Tensor:
        """-> outputs [T, D K, B, H], zero where a row is not live, from zero states.

        Args:
            gates: W_ih x + b of all steps, [T, D K, B, 4 H].
            live: whether a row goes on at a step, [T, D K, B, 1]; a row that has ended does not begin again.
            weight_hh: [D K, 4 H, H].
            learned: [P, D K, 1, H].
            noise: [T, Q, D K, B, H].
            masks: [R, D K, B, H].
        """
        transposed = weight_hh.transpose(1, 2)
        h = gates.new_zeros(gates.size(1), gates.size(2), weight_hh.size(2))
        c = h
        outputs: list[Tensor] = []
        for t in range(gates.size(0)):
            own_noise = noise[t] if noise is not None else None
            product = torch.baddbmm(gates[t], self.step.recurrent(h, learned, masks), transposed)
            step_c, step_h = self.step(product, c, h, learned, own_noise, masks)
            # Left to run on, a row that has ended could overflow, and 0 times infinity is no gradient.
            c, h = torch.where(live[t], step_c, c), torch.where(live[t], step_h, h)
            outputs.append(h)
        return torch.where(live, torch.stack(outputs), 0.0)


States = dict[str, Tensor]
"""c, h and the gates i f g o of all steps in one direction of a layer, [N, H] each."""

Recurrence = Step | Unroll | StackedUnroll
"""Everything that a backend may be asked to run."""


def step_of(recurrence: Recurrence) -> Step:
    """The step that a recurrence repeats."""
    return recurrence if isinstance(recurrence, Step) else recurrence.step


def known_cell(step: Step, weights: Sequence[Weights]) -> KnownCell:
    """The equations of a layer with these weights: where no noise or masks are drawn, their means stand in their place.

    Raises:
        UnreadableError: they are not known.
    """
    drawn = any(own.noise is not None or own.masks is not None for own in weights)
    known: KnownCell = step.cell.known() if drawn else step.cell.known_at_mean()
    return known
