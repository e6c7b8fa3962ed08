"""The loop over time as a product of torch and one elementwise kernel a step: for any number of units."""

import torch
from torch import Tensor

from cells.triton.compiler import backward_step_kernel, forward_step_kernel
from cells.triton.kernel_text import Purpose
from cells.triton.loops import Loops
from cells.triton.operands import Operands

BLOCK = 256  # numbers of a program


class SteppedLoops(Loops):
    """See `Loops`: in each step one product for all directions and models, and one launch."""

    @staticmethod
    def operands(dtype: torch.dtype, hidden: int) -> Operands:
        """Those of the tensors; but float16 cannot hold every state nor small gradients."""
        return Operands(torch.float32 if dtype == torch.float16 else dtype, "")

    def _run_forward(self, purpose: Purpose, tensors: dict[str, Tensor]) -> None:
        for state in "ch":
            tensors[f"{state}_last"].copy_(tensors[f"{state}_first"])
        transposed, factor, product = self._weight().mT, self._between(1), self._between(4)
        given = tensors | {"factor": factor, "product": product}
        kernel = forward_step_kernel(self.problem.cell, purpose)
        for s in range(-1, self.problem.layout.steps):
            if s >= 0:
                torch.bmm(factor.flatten(0, 1), transposed, out=product.flatten(0, 1))
            kernel.launch(self._grid, given, {"s": s, **self._sizes}, **self._options)

    def _run_backward(self, tensors: dict[str, Tensor]) -> Tensor:
        for state in "ch":
            tensors[f"d_{state}_first"].copy_(tensors[f"d_{state}_last"])
        weight, d_a, product = self._weight(), self._between(4), self._between(1)
        shape = self.models, self.directions, len(self.problem.cell.learned), *product.shape[2:]
        d_learned = product.new_zeros(shape, dtype=torch.float32)
        given = tensors | {"d_a": d_a, "product": product, "d_learned": d_learned}
        kernel = backward_step_kernel(self.problem.cell)
        for s in range(self.problem.layout.steps + 1):
            if s > 0:
                torch.bmm(d_a.flatten(0, 1), weight, out=product.flatten(0, 1))
            kernel.launch(self._grid, given, {"s": s, **self._sizes}, **self._options)
        return d_learned.sum(3)

    def _weight(self) -> Tensor:
        """W_hh as [K D, 4 H, H]."""
        return self.w_hh.flatten(2, 3).flatten(0, 1).to(self.problem.operands.dtype)

    def _between(self, parts: int) -> Tensor:
        """A tensor [K, D, B, parts H] that a kernel and a product hand each other."""
        shape = self.models, self.directions, self.problem.layout.batch, parts * self.hidden
        return self.rows.new_zeros(shape, dtype=self.problem.operands.dtype)

    @property
    def _grid(self) -> tuple[int, int, int]:
        return -(-self.problem.layout.batch * self.hidden // BLOCK), self.directions, self.models

    @property
    def _options(self) -> dict[str, object]:
        return options(self.hidden, self.directions)


def options(hidden: int, directions: int) -> dict[str, object]:
    """The kernels' constants and Triton's own options."""
    return {"H": hidden, "D": directions, "BLOCK": BLOCK, "num_warps": 4, "enable_fp_fusion": True}
