"""Scalars, loops, memory and matrix products of an LLVM function, around the vector arithmetic of cells.llvm.vector.

Sizes, counts and addresses are all 64-bit integers. A matrix is the address of its first number, and lies row by row.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from llvmlite import ir

from cells.llvm.vector import Emitter, Precision, Vec

BIT, BYTE, INT, WORD, POINTER = ir.IntType(1), ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.PointerType()
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

    def _pointer(self, address: ir.Value) -> ir.Value:
        return self.b.inttoptr(address, POINTER)

    # control

    @contextlib.contextmanager
    def loop(self, start: Int, stop: Int, by: int = 1) -> Iterator[ir.Value]:
        """Run the body of the `with` statement for i in range(start, stop, by)."""
        before = self.b.block
        head, body, end = (self.function.append_basic_block(name) for name in ("head", "body", "end"))
        self.b.branch(head)
        self.b.position_at_end(head)
        i = self.b.phi(WORD)
        i.add_incoming(self.number(start), before)
        self.b.cbranch(self.less(i, stop), body, end)
        self.b.position_at_end(body)
        yield i
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

    def _masked(self, what: str, kind: ir.FunctionType) -> ir.Function:
        return self.external(f"llvm.masked.{what}.v{self.p.lanes}{self.p.name}.p0", kind)

    def first_lanes(self, count: ir.Value) -> ir.Value:
        """The mask whose first `count` lanes are real."""
        lanes = ir.VectorType(WORD, self.p.lanes)
        first = self.b.insert_element(ir.Constant(lanes, ir.Undefined), count, ir.Constant(INT, 0))
        everywhere = ir.Constant(ir.VectorType(INT, self.p.lanes), [0] * self.p.lanes)
        counts = self.b.shuffle_vector(first, first, everywhere)
        return self.b.icmp_signed("<", ir.Constant(lanes, list(range(self.p.lanes))), counts)


class Blas:
    """Matrix products of one function, by torch's BLAS."""

    def __init__(self, writer: Writer) -> None:
        self.w, b = writer, writer.b
        # BLAS takes every argument by address.
        self.sizes = [b.alloca(INT) for _ in range(6)]
        self.factors = [b.alloca(writer.p.scalar) for _ in range(2)]
        self.flags = [b.alloca(BYTE) for _ in range(2)]

    def gemm(
        self,
        a: ir.Value,
        b: ir.Value,
        c: ir.Value,
        sizes: tuple[Int, Int, Int],
        strides: tuple[Int, Int, Int],
        add: ir.Value | bool = False,
        transposed: str = "",
    ) -> None:
        """c = a b, or c += a b if `add`.

        Args:
            a: [m, k].
            b: [k, n].
            c: [m, n].
            sizes: m, n and k.
            strides: the distance of two rows of a, of b and of c.
            add: whether to add to c, as a constant or as a value that is known when the function runs.
            transposed: "a" if a is stored as [k, m], or "b" if b is stored as [n, k].
        """
        w = self.w
        m, n, k = sizes
        lda, ldb, ldc = strides
        # BLAS counts matrices column by column, so what it computes is c^T = b^T a^T.
        for slot, size in zip(self.sizes, (n, m, k, ldb, lda, ldc), strict=True):
            w.b.store(w.b.trunc(w.number(size), INT), slot)
        one, zero = ir.Constant(w.p.scalar, 1.0), ir.Constant(w.p.scalar, 0.0)
        w.b.store(one, self.factors[0])
        w.b.store((one if add else zero) if isinstance(add, bool) else w.b.select(add, one, zero), self.factors[1])
        for slot, name in zip(self.flags, "ba", strict=True):
            w.b.store(ir.Constant(BYTE, ord("T" if name in transposed else "N")), slot)
        kind = ir.FunctionType(ir.VoidType(), [POINTER] * 13)
        function = w.external("sgemm_" if w.p.name == "f32" else "dgemm_", kind)
        n_, m_, k_, ldb_, lda_, ldc_ = self.sizes
        alpha, beta = self.factors
        left, right, result = (w.b.inttoptr(address, POINTER) for address in (b, a, c))
        w.b.call(function, [*self.flags, n_, m_, k_, alpha, left, ldb_, right, lda_, beta, result, ldc_])
