"""The numbers that a step's product with W_hh works on, and whether W_hh then fits into a block."""

from typing import NamedTuple

import torch

from cells.equations import EQUATIONS, CellEquations, parsed

LEAST_UNITS = 16  # of Triton's product
BESIDE = 12 << 10  # bytes of shared memory for all but W_hh
LARGEST_TF32 = 64  # units for which W_hh fits in float32


class Operands(NamedTuple):
    """The operands of the product.

    Attributes:
        dtype: of W_hh in the kernel.
        precision: of Triton's product where that is float32.
    """

    dtype: torch.dtype
    precision: str

    def scaled(self, cell: CellEquations) -> bool:
        """Whether the forward pass scales the vectors that W_hh is multiplied by, which float16 may not hold."""
        return self.dtype == torch.float16 and not _bounded(cell)

    @property
    def scaled_backward(self) -> bool:
        """Whether the backward pass scales gradients, many of which are too small for float16."""
        return self.dtype == torch.float16


def operands(dtype: torch.dtype, hidden: int) -> Operands:
    """The operands for tensors of this dtype and H units.

    In float32 `torch.backends.cuda.matmul.allow_tf32` decides, as for all products of torch: TF32 has ten bits of a
    number, as has float16, which fits for more units. Otherwise three products of TF32 make one of float32.
    """
    if dtype != torch.float32:
        return Operands(dtype, "")
    if not _tf32_is_allowed():
        return Operands(torch.float32, "tf32x3")
    return Operands(torch.float32, "tf32") if hidden <= LARGEST_TF32 else Operands(torch.float16, "")


def _tf32_is_allowed() -> bool:
    matmul = torch.backends.cuda.matmul
    if hasattr(
        matmul, "fp32_precision"
    ):  # from torch 2.9 on; allow_tf32 sets it too, and cannot be read where it is set
        return bool(matmul.fp32_precision == "tf32")
    return bool(matmul.allow_tf32)


def _bounded(cell: CellEquations) -> bool:
    """Whether h = o tanh(c) with o = sigmoid(a_o) is what W_hh is multiplied by, which is below 1."""
    formulas = dict(cell.formulas)
    return all(formulas[name] == parsed(name, EQUATIONS[name]) for name in ("o", "h", "hidden", "recurrent"))


def shared_memory(hidden: int, own: Operands) -> int:
    """The bytes of shared memory that a block needs: for W_hh, which is in two parts for three products, and more.

    `python -m benchmarks kernels` shows what the compiled kernels need.
    """
    tile = tile_of(hidden)
    parts = 2 if own.precision == "tf32x3" else 1
    return parts * 4 * tile * tile * own.dtype.itemsize + BESIDE


def tile_of(hidden: int) -> int:
    """The next power of two, at least LEAST_UNITS: H as a kernel has it."""
    return max(LEAST_UNITS, 1 << (hidden - 1).bit_length())
