"""Scalars, loops and memory of an LLVM function, around the vector arithmetic of cells.llvm.vector.

Sizes, counts and addresses are all 64-bit integers. A matrix is the address of its first number, and lies row by row.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from llvmlite import ir

from cells.llvm.vector import Emitter, Precision, Vec

INT, WORD, POINTER = ir.IntType(32), ir.IntType(64), ir.PointerType()
Int: TypeAlias = ir.Value | int


class Writer:
    """Writes the function `name` taking `arguments` 64-bit integers; an internal one is called only in its module."""

    def __init__(
        self, module: ir.Module, name: str, precision: Precision, arguments: int, internal: bool = False
    ) -> None:
        self.function = ir.Function(module, ir.FunctionType(ir.VoidType(), [WORD] * arguments), name)
        self.function.attributes.add("nounwind")
        if internal:
            self.function.linkage = "internal"
            self.function.attributes.add("noinline")
        self.arguments: Sequence[ir.Value] = self.function.args
        self.module, self.p = module, precision
        self.b = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.e = Emitter(self.b, precision)

    # integers

    def number(self, value: Int) -> ir.Value:
        """A Python integer as a constant of the function."""
        return ir.Constant(WORD, value) if isinstance(value, int) else value

    def add(self, x: Int, y: Int) -> ir.Value:
        """x + y."""
        return self.b.add(self.number(x), self.number(y))

    def sub(self, x: Int, y: Int) -> ir.Value:
        """x - y."""
        return self.b.sub(self.number(x), self.number(y))

    def mul(self, x: Int, y: Int) -> ir.Value:
        """x y."""
        return self.b.mul(self.number(x), self.number(y))

    def less(self, x: Int, y: Int) -> ir.Value:
        """Whether x < y."""
        return self.b.icmp_signed("<", self.number(x), self.number(y))

    def given(self, x: ir.Value) -> ir.Value:
        """Whether x, an address or a flag, is not 0."""
        return self.b.icmp_signed("!=", x, self.number(0))

    def minimum(self, x: Int, y: Int) -> ir.Value:
        """The smaller of the two."""
        return self.select(self.less(x, y), x, y)

    def select(self, condition: ir.Value, yes: Int, no: Int) -> ir.Value:
        """`yes` if the condition holds, else `no`."""
        return self.b.select(condition, self.number(yes), self.number(no))

    def item(self, address: ir.Value, index: Int) -> ir.Value:
        """address[index] of 64-bit integers."""
        return self.b.load(self._pointer(self.add(address, self.mul(index, 8))), typ=WORD)

    def at(self, address: ir.Value, *index: Int) -> ir.Value:
        """The address of the element whose index is the product of the given factors."""
        offset: Int = self.p.size
        for factor in index:
            offset = self.mul(offset, factor)
        return self.add(address, offset)

    def next_item(self, address: ir.Value) -> ir.Value:
        """The 64-bit integer at the address, raised by 1 there; no two threads get the same one."""
        return self.b.atomic_rmw("add", self._pointer(address), self.number(1), "seq_cst")

    def _pointer(self, address: ir.Value) -> ir.Value:
        return self.b.inttoptr(address, POINTER)

    # control

    @contextlib.contextmanager
    def loop(self, start: Int, stop: Int, by: int = 1) -> Iterator[ir.Value]:
        """Run the body of the `with` statement for i in range(start, stop, by)."""
        with self.carrying(start, stop, [], by) as (i, _, go_on):
            yield i
            go_on([])

    @contextlib.contextmanager
    def carrying(
        self, start: Int, stop: Int, first: list[list[Vec]], by: int = 1
    ) -> Iterator[tuple[ir.Value, list[list[Vec]], Callable[[list[list[Vec]]], None]]]:
        """Run the body of the `with` statement for i in range(start, stop, by), with rows of numbers in registers.

        Gives i, the numbers, and a function by which the body says at its end what they are for the next i. They begin
        as `first`; after the statement they are what the last i left.
        """
        before = self.b.block
        head, body, end = (self.function.append_basic_block(name) for name in ("head", "body", "end"))
        self.b.branch(head)
        self.b.position_at_end(head)
        i = self.b.phi(WORD)
        i.add_incoming(self.number(start), before)
        numbers = [[self.b.phi(one.v.type) for one in row] for row in first]

        def add_incoming(rows: list[list[Vec]]) -> None:
            for phis, row in zip(numbers, rows, strict=True):
                for phi, one in zip(phis, row, strict=True):
                    phi.add_incoming(one.v, self.b.block)

        for phis, row in zip(numbers, first, strict=True):
            for phi, one in zip(phis, row, strict=True):
                phi.add_incoming(one.v, before)
        self.b.cbranch(self.less(i, stop), body, end)
        self.b.position_at_end(body)
        yield i, [[Vec(self.e, phi) for phi in row] for row in numbers], add_incoming
        i.add_incoming(self.add(i, by), self.b.block)
        self.b.branch(head)
        self.b.position_at_end(end)

    def when(self, condition: ir.Value) -> contextlib.AbstractContextManager[None]:
        """Run the body of the `with` statement if the condition holds."""
        return self.b.if_then(condition)

    def call(self, function: ir.Function, *arguments: Int) -> None:
        """Call function(arguments)."""
        self.b.call(function, [self.number(argument) for argument in arguments])

    def external(self, name: str, kind: ir.FunctionType) -> ir.Function:
        """The function of this name from another library."""
        return self.module.globals.get(name) or ir.Function(self.module, kind, name)

    def done(self) -> ir.Function:
        """End the function; no more can be written."""
        self.b.ret_void()
        return self.function

    # vectors in memory; a mask says which lanes are real, and without one all are

    def load(self, address: ir.Value, index: Int, mask: ir.Value | None = None) -> Vec:
        """The numbers from address[index] on, 0 in lanes that are not real."""
        pointer = self._pointer(self.at(address, index))
        if mask is None:
            return Vec(self.e, self.b.load(pointer, typ=self.e.vector, align=self.p.size))
        kind = ir.FunctionType(self.e.vector, [POINTER, INT, mask.type, self.e.vector])
        masked = [pointer, ir.Constant(INT, self.p.size), mask, self.e.const(0.0).v]
        return Vec(self.e, self.b.call(self._masked("load", kind), masked))

    def store(self, value: Vec, address: ir.Value, index: Int, mask: ir.Value | None = None) -> None:
        """Store the real lanes from address[index] on."""
        pointer = self._pointer(self.at(address, index))
        if mask is None:
            self.b.store(value.v, pointer, align=self.p.size)
        else:
            kind = ir.FunctionType(ir.VoidType(), [self.e.vector, POINTER, INT, mask.type])
            self.b.call(self._masked("store", kind), [value.v, pointer, ir.Constant(INT, self.p.size), mask])

    def everywhere(self, address: ir.Value) -> Vec:
        """The number at the address, in every lane."""
        number = self.b.load(self._pointer(address), typ=self.p.scalar)
        first = self.b.insert_element(ir.Constant(self.e.vector, ir.Undefined), number, ir.Constant(INT, 0))
        return Vec(self.e, self.shuffled(first, first, [0] * self.p.lanes))

    def shuffled(self, x: ir.Value, y: ir.Value, lanes: Sequence[int]) -> ir.Value:
        """The vector of these lanes, counted through x and then y."""
        return self.b.shuffle_vector(x, y, ir.Constant(ir.VectorType(INT, len(lanes)), list(lanes)))

    def copy(self, source: ir.Value, target: ir.Value) -> None:
        """Copy one number from an address to another."""
        self.b.store(self.b.load(self._pointer(source), typ=self.p.scalar), self._pointer(target))

    def _masked(self, what: str, kind: ir.FunctionType) -> ir.Function:
        return self.external(f"llvm.masked.{what}.v{self.p.lanes}{self.p.name}.p0", kind)

    def first_lanes(self, count: ir.Value) -> ir.Value:
        """The mask whose first `count` lanes are real."""
        lanes = ir.VectorType(WORD, self.p.lanes)
        first = self.b.insert_element(ir.Constant(lanes, ir.Undefined), count, ir.Constant(INT, 0))
        counts = self.shuffled(first, first, [0] * self.p.lanes)
        return self.b.icmp_signed("<", ir.Constant(lanes, list(range(self.p.lanes))), counts)
