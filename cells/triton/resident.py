"""The loop over time as one kernel, in which W_hh stays: for as many units as fit into a block."""

import functools

import torch
from torch import Tensor

from cells.equations import PRE_ACTIVATIONS, CellEquations
from cells.language.tree import Call, Variable, nodes
from cells.triton.compiler import backward_kernel, forward_kernel
from cells.triton.kernel_text import Purpose
from cells.triton.loops import Loops
from cells.triton.operands import LEAST_UNITS, operands, tile_of

BLOCK_ROWS = 8  # with 8 rows and 4 warps a step takes least, which counts: there are always blocks enough


class ResidentLoops(Loops):
    """See `Loops`: one launch for all steps, directions and models."""

    operands = staticmethod(operands)

    def _run_forward(self, purpose: Purpose, tensors: dict[str, Tensor]) -> None:
        cell, own = self.problem.cell, self.problem.operands
        tensors["w"] = self.w_hh.to(own.dtype).contiguous()
        forward_kernel(cell, purpose, own.scaled(cell)).launch(self._grid, tensors, self._sizes, **self._options(False))

    def _run_backward(self, tensors: dict[str, Tensor]) -> Tensor:
        cell, own = self.problem.cell, self.problem.operands
        tensors["wt"] = self.w_hh.to(own.dtype).mT.contiguous()
        shape = self.models, self.directions, len(cell.learned), self._grid[0], self.hidden
        tensors["d_learned"] = tensors["c_kept"].new_zeros(shape)
        kernel = backward_kernel(cell, own.scaled_backward)
        kernel.launch(self._grid, tensors, self._sizes, **self._options(True))
        return tensors["d_learned"].sum(3)

    @property
    def _grid(self) -> tuple[int, int, int]:
        return -(-self.problem.layout.batch // BLOCK_ROWS), self.directions, self.models

    def _options(self, backward: bool) -> dict[str, object]:
        device = self.rows.device
        capability = torch.cuda.get_device_capability(device)[0] if device.type == "cuda" else 0
        precision = self.problem.operands.precision
        return options(self.problem.cell, self.hidden, self.directions, precision, capability, backward)


def options(
    cell: CellEquations, hidden: int, directions: int, precision: str, capability: int, backward: bool
) -> dict[str, object]:
    """A kernel's constants and Triton's own options for H units on a card of this (major) capability."""
    tile = tile_of(hidden)
    constants = {"H": hidden, "HP": tile, "D": directions, "BB": BLOCK_ROWS, "PRECISION": precision}
    # Fused multiply-adds: Triton 3.9 warns where nobody says whether they are wanted.
    spills = _spills_with_four_warps(cell, hidden, precision, capability, backward)
    warps = 8 if spills else min(4, tile // LEAST_UNITS)
    return constants | {"num_warps": warps, "num_stages": 1, "enable_fp_fusion": True}


def _spills_with_four_warps(cell: CellEquations, hidden: int, precision: str, capability: int, backward: bool) -> bool:
    """Whether a kernel needs more registers than the threads of four warps have, as `benchmarks kernels` found."""
    tile = tile_of(hidden)
    if (cell.learned or cell.noise or cell.masks) and tile >= 128:
        return True
    if capability >= 10 and precision == "tf32x3" and tile >= 64:  # which holds W_hh in two parts
        return True
    match capability:
        case 8:  # without one of the gates more blocks fit, and a thread gets fewer registers
            return backward and precision == "tf32x3" and tile >= 64 and not _has_all_gates(cell)
        case 9:  # behind a mask of rows the tanh of a gate leaves too few: C9 with 96 units
            return backward and not precision and hidden < tile and _tanh_of_a_gate(cell)
        case 10:
            return tile >= 128 and not _has_all_gates(cell)
    return False


@functools.cache
def _has_all_gates(cell: CellEquations) -> bool:
    """Whether all four parts of W_hh are kept."""
    return {*PRE_ACTIVATIONS} <= cell.forward("current", "hidden").inputs


@functools.cache
def _tanh_of_a_gate(cell: CellEquations) -> bool:
    """Whether equation 7 reads a gate through tanh."""
    gates = [Call("tanh", (Variable(gate),)) for gate in "ifo"]
    return any(gate in nodes(formula) for formula in (cell.current, cell.hidden) for gate in gates)
