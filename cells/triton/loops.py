"""A layer of K models: what its loops over time read and write, and the large products before and after them."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from cells.equations import CellEquations
from cells.recurrence import Weights
from cells.triton.kernel_text import Purpose
from cells.triton.layout import Layout
from cells.triton.operands import Operands

Gradient = Tensor | None


class Problem(NamedTuple):
    """A layer of K models without its tensors."""

    loops: type["Loops"]
    cell: CellEquations
    layout: Layout
    operands: Operands


class Passed(NamedTuple):
    """Results of a forward pass: [K, N, D H] and twice [K, D, B, H], then what it stores for its purpose."""

    output: Tensor
    c: Tensor
    h: Tensor
    kept: Tensor  # [K, N, D, 4, H]
    c_kept: Tensor  # [K, N, D, H]
    h_kept: Tensor


class Gradients(NamedTuple):
    """The gradients of K models by rows [K, N, I], c and h [K, D, B, H], and by the fields of `Weights`."""

    rows: Gradient
    c: Tensor
    h: Tensor
    weights: list[Gradient]


class Loops(ABC):
    """The loops of a layer over packed rows; a subclass runs them.

    Args:
        problem: the layer; its `loops` are this class.
        rows: [K, N, I].
        c: initial states [K, D, B, H].
        h: likewise.
        weights: of each direction, with a leading K.
    """

    def __init__(self, problem: Problem, rows: Tensor, c: Tensor, h: Tensor, weights: Sequence[Weights]) -> None:
        self.problem, self.rows, self.weights = problem, rows, weights
        self.models, self.places, _ = rows.shape
        self.directions, self.hidden = len(weights), c.size(3)
        self.given = {
            "starts": problem.layout.starts,
            "lengths": problem.layout.lengths,
            "c_first": c.float().contiguous(),
            "h_first": h.float().contiguous(),
            **self._declared(),
        }
        self.w_ih = torch.cat([own.ih for own in weights], 1)  # [K, D 4 H, I]
        self.w_hh = torch.stack([own.hh for own in weights], 1).unflatten(2, (4, self.hidden))  # [K, D, 4, H, H]

    def forward(self, purpose: Purpose) -> Passed:
        """All steps forward."""
        fresh, directions, hidden = self._fresh, self.directions, self.hidden
        passed = Passed(
            output=fresh(directions * hidden),
            c=torch.empty_like(self.given["c_first"]),
            h=torch.empty_like(self.given["c_first"]),
            kept=fresh(directions, 4, hidden) if purpose is not Purpose.RESULTS else self.rows.new_empty(0),
            c_kept=fresh(directions, hidden) if purpose is not Purpose.RESULTS else self.rows.new_empty(0),
            h_kept=fresh(directions, hidden) if purpose is Purpose.GRADIENTS else self.rows.new_empty(0),
        )
        tensors = {
            **self.given,
            **{"out": passed.output, "c_last": passed.c, "h_last": passed.h},
            **{name: getattr(passed, name) for name in ("kept", "c_kept", "h_kept")},
            "xw": self._input_product().float(),
        }
        self._run_forward(purpose, tensors)
        return passed

    def backward(
        self, passed: Sequence[Tensor], d_output: Tensor, d_c: Tensor, d_h: Tensor, rows_wanted: bool
    ) -> Gradients:
        """All steps backward, for what a pass for gradients kept and the gradients of its results."""
        kept, c_kept, h_kept = passed
        cell, like = self.problem.cell, self.given["c_first"]
        d_gates = self._fresh(self.directions, 4, self.hidden)
        tensors = {
            **self.given,
            **{"kept": kept, "c_kept": c_kept, "h_kept": h_kept, "d_gates": d_gates},
            **{"d_out": d_output.float().contiguous(), "d_c_last": d_c.contiguous(), "d_h_last": d_h.contiguous()},
            **{"d_c_first": torch.empty_like(like), "d_h_first": torch.empty_like(like)},
            "multiplied": h_kept if cell.multiplies_h_prev else self._fresh(self.directions, self.hidden),
        }
        d_learned = self._run_backward(tensors)
        by_weights = self._of_weights(d_gates, tensors["multiplied"], d_learned)
        d_rows = torch.bmm(d_gates.flatten(2).to(self.rows.dtype), self.w_ih) if rows_wanted else None
        return Gradients(d_rows, tensors["d_c_first"], tensors["d_h_first"], by_weights)

    @staticmethod
    @abstractmethod
    def operands(dtype: torch.dtype, hidden: int) -> Operands:
        """The operands of the product with W_hh, for tensors of this dtype and H units."""

    @abstractmethod
    def _run_forward(self, purpose: Purpose, tensors: dict[str, Tensor]) -> None:
        """Fill the results of `forward` among the tensors, which have the names of `cells.triton.kernels`."""

    @abstractmethod
    def _run_backward(self, tensors: dict[str, Tensor]) -> Tensor:
        """Fill the results of `backward` among the tensors; -> the gradients of learned names [K, D, names, H]."""

    @property
    def _sizes(self) -> dict[str, int]:
        return {"rows": self.places, "batch": self.problem.layout.batch, "steps": self.problem.layout.steps}

    def _of_weights(self, d_gates: Tensor, multiplied: Tensor, d_learned: Tensor) -> list[Gradient]:
        """The gradients of the fields of `Weights`, of each direction."""
        dtype, found = self.rows.dtype, []
        for direction, own in enumerate(self.weights):
            d_a = d_gates[:, :, direction].flatten(2)
            d_bias = d_a.sum(1).to(dtype) if own.bias_ih is not None else None
            d_a = d_a.to(dtype)
            d_hh = torch.bmm(d_a.mT, multiplied[:, :, direction].to(dtype))
            learned = d_learned[:, direction].to(dtype) if own.learned is not None else None
            found += [*Weights(torch.bmm(d_a.mT, self.rows), d_hh, d_bias, d_bias, None, learned, None, None)]
        return found

    def _declared(self) -> dict[str, Tensor]:
        """The values of declared names, of all directions."""
        first, found = self.weights[0], {}
        if first.learned is not None:
            found["learned"] = _together([own.learned for own in self.weights])
        if first.noise is not None:  # [K, names, N, H] to [K, N, D, names, H]
            found["noise"] = _together([own.noise for own in self.weights]).permute(0, 3, 1, 2, 4).contiguous()
        if first.masks is not None:
            found["masks"] = _together([own.masks for own in self.weights])
        return found

    def _input_product(self) -> Tensor:
        """W_ih x + b, [K, N, D 4 H]."""
        biases = [b for own in self.weights if own.bias_ih is not None for b in [own.bias_ih + _given(own.bias_hh)]]
        if not biases:
            return torch.bmm(self.rows, self.w_ih.mT)
        return torch.baddbmm(torch.cat(biases, 1).unsqueeze(1), self.rows, self.w_ih.mT)

    def _fresh(self, *shape: int) -> Tensor:
        """A float32 tensor [K, N, ..] for the kernels to fill: zero where a model has fewer rows."""
        make = torch.empty if self.problem.layout.full else torch.zeros
        return make(self.models, self.places, *shape, dtype=torch.float32, device=self.rows.device)


def _together(tensors: Sequence[Tensor | None]) -> Tensor:
    return torch.stack([_given(tensor) for tensor in tensors], 1).float()


def _given(tensor: Tensor | None) -> Tensor:
    assert tensor is not None
    return tensor
