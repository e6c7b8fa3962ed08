"""The elementwise passes over a step's rows, forward and backward, for any cell's equations.

No equation of a cell stands here: `cells.equations` has them and the programs that compute them and their gradients,
and `cells.llvm.printer` writes the programs as instructions. The passes load what a program reads, unit by unit, and
store its results.

Backward reads the four numbers that forward left for each unit, gates or pre-activations, and computes the rest again,
c and tanh(c) included. Gates are left wherever their slope follows from them: with pre-activations the paper's cell
takes 1 to 3 % longer. A fifth number, tanh(c), could save no more than that, and takes a fifth more memory.
"""

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import NamedTuple

from llvmlite import ir

from cells.equations import GATES, PRE_ACTIVATIONS, CellEquations
from cells.language.program import Program, program
from cells.language.tree import Number
from cells.llvm.printer import results
from cells.llvm.vector import BYTES, Precision, Vec
from cells.llvm.writer import Int, Writer


class Cell(NamedTuple):
    """The facts about a cell by which kernels of one precision differ.

    Attributes:
        equations: of the cell, elementwise ones.
        kept: the names of what the forward pass leaves in `gates`, in the order of GATES: "i" or "a_i", ...
        tail: whether H is not a multiple of a vector's lanes.
    """

    equations: CellEquations
    kept: tuple[str, ...]
    tail: bool

    @classmethod
    def of(cls, equations: CellEquations, hidden: int, item: int) -> "Cell":
        """The cell with these equations and H hidden units, whose numbers have `item` bytes."""
        return cls(equations, tuple(equations.backward.kept.values()), hidden % (BYTES // item) != 0)

    @property
    def observed(self) -> "Cell":
        """The same cell, whose forward pass leaves the gates themselves."""
        return self._replace(kept=GATES)

    @property
    def has_backward(self) -> bool:
        """Whether the forward pass leaves what backward needs; an observed cell may not."""
        return self.kept == tuple(self.equations.backward.kept.values())

    @property
    def multiplies_h(self) -> bool:
        """Whether W_hh is multiplied by h' itself, as in the paper, and not by a formula over it."""
        return self.equations.multiplies_h_prev

    @property
    def reads_h(self) -> bool:
        """Whether h' has a gradient beside the one that comes through the product with W_hh."""
        return self.equations.backward.program.results["d_h_prev"] != Number(0.0)

    @property
    def learns_in_product(self) -> bool:
        """Whether the gradient of a learned coefficient comes through the product with W_hh."""
        found = self.equations.recurrent_backward.results
        return any(found[f"d_{name}"] != Number(0.0) for name in self.equations.learned)


class Pass:
    """A function over n rows of H units, which is written unit by unit.

    Args:
        module: the module that the function is added to.
        name: the function's name.
        precision: the type of its numbers.
        cell: the cell that it is for.
        arguments: the names of its arguments, addresses and numbers, beside those of every pass (see COMMON).
    """

    COMMON = ("n", "hidden", "learned", "masks", "mask_step", "h_before", "h_stride")
    """h' and its row distance; learned coefficients [P, H]; masks, with the distance of two names' rows."""

    def __init__(
        self, module: ir.Module, name: str, precision: Precision, cell: Cell, arguments: tuple[str, ...]
    ) -> None:
        self.names, self.cell = (*self.COMMON, *arguments), cell
        self.w = Writer(module, name, precision, len(self.names), internal=True)
        self.given = SimpleNamespace(**dict(zip(self.names, self.w.arguments, strict=True)))

    def write(self, block: Callable[["Units"], None]) -> "Pass":
        """Write the block for all units of n rows; with a tail, once more for the last units, masked."""
        w, n, hidden = self.w, self.given.n, self.given.hidden
        whole = w.b.and_(hidden, w.number(-w.p.lanes))
        with w.loop(0, n) as r:
            with w.loop(0, whole, by=w.p.lanes) as j:
                block(Units(self, r, j, None))
            if self.cell.tail:
                block(Units(self, r, whole, w.first_lanes(w.sub(hidden, whole))))
        w.done()
        return self

    def call(self, w: Writer, arguments: Mapping[str, Int]) -> None:
        """Write a call of the function into another one."""
        w.call(self.w.function, *[arguments[name] for name in self.names])


class Units:
    """The units j .. j + lanes of row r, while a pass is being written."""

    def __init__(self, own: Pass, r: ir.Value, j: ir.Value, mask: ir.Value | None) -> None:
        self.w, self.given, self.equations = own.w, own.given, own.cell.equations
        self.r, self.j, self.mask = r, j, mask
        self.own = self.w.add(self.w.mul(r, self.given.hidden), j)  # the place in a matrix [n, H]

    def of_row(self, stride: ir.Value) -> ir.Value:
        """The place in a matrix whose rows have this distance."""
        return self.w.add(self.w.mul(self.r, stride), self.j)

    def of_name(self, k: int, step: ir.Value | None = None) -> ir.Value:
        """The place of the k-th name: in a matrix [names, H], or in matrices [n, H] with this distance."""
        if step is None:
            return self.w.add(self.w.mul(k, self.given.hidden), self.j)
        return self.w.add(self.w.mul(k, step), self.own)

    def of_gate(self, k: int) -> ir.Value:
        """The place of the k-th gate in a matrix [n, 4 H]."""
        w, hidden = self.w, self.given.hidden
        return w.add(w.mul(self.r, w.mul(4, hidden)), w.add(w.mul(k, hidden), self.j))

    def load(self, address: ir.Value, place: ir.Value) -> Vec:
        """The numbers of these units."""
        return self.w.load(address, place, self.mask)

    def store(self, value: Vec, address: ir.Value, place: ir.Value) -> None:
        """Store the numbers of these units."""
        self.w.store(value, address, place, self.mask)

    def add(self, value: Vec, address: ir.Value, place: ir.Value) -> None:
        """Add to the numbers of these units."""
        self.store(self.load(address, place) + value, address, place)

    def results(self, program: Program, known: Mapping[str, Vec]) -> dict[str, Vec]:
        """The results of a program; what it reads beside the known values comes from memory."""
        inputs = {name: known[name] if name in known else self.input(name) for name in sorted(program.inputs)}
        return results(program, inputs, self.w.e)

    def input(self, name: str) -> Vec:
        """The value of a name that is the same forward and backward."""
        equations, given = self.equations, self.given
        if name == "h_prev":
            return self.load(given.h_before, self.of_row(given.h_stride))
        if name == "c_prev":
            return self.load(given.c_before, self.own)
        if name in equations.learned:
            return self.load(given.learned, self.of_name(equations.learned.index(name)))
        if name in equations.noise:
            return self.load(given.noise, self.of_name(equations.noise.index(name), given.noise_step))
        return self.load(given.masks, self.of_name(equations.masks.index(name), given.mask_step))


def forward_step(module: ir.Module, precision: Precision, cell: Cell) -> Pass:
    """All equations for n rows: `gates` comes as W_ih x + W_hh r and becomes what the cell keeps."""
    arguments = ("gates", "bias", "noise", "noise_step", "c_before", "c_after", "out", "stride")
    step = Pass(module, "forward_step", precision, cell, arguments)
    forward = cell.equations.forward(*cell.kept, "current", "hidden")

    def block(u: Units) -> None:
        given = step.given
        before = {
            name: u.load(given.gates, u.of_gate(k)) + u.load(given.bias, u.of_name(k))
            for k, name in enumerate(PRE_ACTIVATIONS)
            if name in forward.inputs
        }
        found = u.results(forward, before)
        for k, name in enumerate(cell.kept):
            u.store(found[name], given.gates, u.of_gate(k))
        u.store(found["current"], given.c_after, u.own)
        u.store(found["hidden"], given.out, u.of_row(given.stride))

    return step.write(block)


def backward_step(module: ir.Module, precision: Precision, cell: Cell) -> Pass:
    """All equations backward for n rows: dh" and dc" to da, dc', dh' apart from W_hh^T da, db and learned gradients.

    Writes r, which W_hh was multiplied by, contiguously for the GEMM.
    """
    arguments = ("gates", "noise", "noise_step", "c_before", "d_out", "stride", "d_h", "d_c", "d_gates", "d_bias")
    step = Pass(module, "backward_step", precision, cell, (*arguments, "d_learned", "r"))
    backward, multiplied = cell.equations.backward.program, _multiplied(cell)

    def block(u: Units) -> None:
        given = step.given
        known = {name: u.load(given.gates, u.of_gate(k)) for k, name in enumerate(cell.kept) if name in backward.inputs}
        known["d_hidden"] = u.load(given.d_h, u.own) + u.load(given.d_out, u.of_row(given.stride))
        known["d_current"] = u.load(given.d_c, u.own)
        found = u.results(backward, known)
        u.store(found["d_c_prev"], given.d_c, u.own)
        if cell.reads_h:
            u.store(found["d_h_prev"], given.d_h, u.own)
        for k, name in enumerate(PRE_ACTIVATIONS):
            u.store(found[f"d_{name}"], given.d_gates, u.of_gate(k))
        for k, name in enumerate(PRE_ACTIVATIONS):
            u.add(found[f"d_{name}"], given.d_bias, u.of_name(k))
        _add_learned(u, backward, found)
        u.store(u.results(multiplied, {})["r"], given.r, u.own)

    return step.write(block)


def product_step(module: ir.Module, precision: Precision, cell: Cell) -> Pass:
    """r = recurrent(h') for n rows."""
    step = Pass(module, "product_step", precision, cell, ("r",))
    multiplied = _multiplied(cell)

    def block(u: Units) -> None:
        u.store(u.results(multiplied, {})["r"], step.given.r, u.own)

    return step.write(block)


def product_backward_step(module: ir.Module, precision: Precision, cell: Cell) -> Pass:
    """r = recurrent(h') backward for n rows: adds what comes from dr to dh' and to learned gradients."""
    step = Pass(module, "product_backward_step", precision, cell, ("d_r", "d_h", "d_learned"))
    backward = cell.equations.recurrent_backward

    def block(u: Units) -> None:
        given = step.given
        found = u.results(backward, {"d_recurrent": u.load(given.d_r, u.own)})
        d_h = found["d_h_prev"] + u.load(given.d_h, u.own) if cell.reads_h else found["d_h_prev"]
        u.store(d_h, given.d_h, u.own)
        _add_learned(u, backward, found)

    return step.write(block)


def _multiplied(cell: Cell) -> Program:
    """The program that computes r, the vector that W_hh is multiplied by."""
    return program((), {"r": cell.equations.recurrent})


def _add_learned(u: Units, backward: Program, found: Mapping[str, Vec]) -> None:
    """Add the gradients of the learned coefficients to their sums."""
    for k, name in enumerate(u.equations.learned):
        if backward.results[f"d_{name}"] != Number(0.0):
            u.add(found[f"d_{name}"], u.given.d_learned, u.of_name(k))
