"""The loop over time of one direction, forward and backward, as machine code written through LLVM.

With x the input, h' and c' the states that the previous step handed on, H and C the formulas for h and c:

    a = W_ih x + W_hh h' + b                         in torch's order i f g o
    i, f, o = sigmoid(a_i, a_f, a_o), g = tanh(a_g)  equations 1-4
    c = f c' + i g                                   equation 5
    h = o tanh(c)                                    equation 6
    c", h" = C(c, h, o, i, f, g), H(...)             equation 7: handed on

Backward, dy is the gradient of the loss by y; a formula is elementwise, so a partial derivative is one number for
each unit. dc" and dh" come from the step after, dh" from this step's output as well:

    dy   = dc" dC/dy + dh" dH/dy    for y = c h o i f g  (7)
    dc  += dh o (1 - tanh(c)^2)     do += dh tanh(c)     (6)
    df  += dc c'   di += dc g   dg += dc i   dc' = dc f  (5)
    da_i = di i (1 - i), f and o alike   da_g = dg (1 - g^2)  (1-4)
    dh' = W_hh^T da                 to the step before
    dx = W_ih^T da    dW_ih += da x^T    dW_hh += da h'^T    db += da

Products with W_hh stay inside the loop, one per step. The other products are done for a chunk of steps at once, small
enough to stay in a core's cache between them. Everything between two products is one pass over a step's rows.

Rows are packed (see `cells.recurrence`); a task is one direction over a range of the batch. Its steps are numbered
in the order in which it visits them; `start .. start + count` are a step's rows that are still running. What a task
gives to the kernels is listed in `cells.llvm.fields`.
"""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import NamedTuple

from llvmlite import ir

from cells.language.module_reader import Formulas
from cells.language.tree import Expression
from cells.llvm.fields import BACKWARD, FORWARD, Fields
from cells.llvm.printer import partials, value, zero_where
from cells.llvm.vector import BYTES, Precision, Vec, sigmoid, tanh
from cells.llvm.writer import Blas, Int, Writer

Block = Callable[[ir.Value, ir.Value, ir.Value | None], None]  # writes the units j .. j + lanes of row r: (r, j, mask)


class Cell(NamedTuple):
    """The facts about a cell by which kernels of one precision differ.

    Attributes:
        current: the formula C, over c h o i f g and p0, p1, ...
        hidden: the formula H.
        parameters: the number of p0, p1, ...
        tail: whether H is not a multiple of a vector's lanes.
    """

    current: Expression
    hidden: Expression
    parameters: int
    tail: bool

    @classmethod
    def of(cls, formulas: Formulas, hidden: int, item: int) -> "Cell":
        """The cell with these formulas and H hidden units, whose numbers have `item` bytes."""
        return cls(formulas.current, formulas.hidden, len(formulas.tensors), hidden % (BYTES // item) != 0)


def write(module: ir.Module, precision: Precision, cell: Cell) -> None:
    """Add the functions `forward(task)` and `backward(task)` to the module."""
    forward_loop(module, precision, forward_step(module, precision, cell))
    backward_loop(module, precision, backward_step(module, precision, cell))


def forward_step(module: ir.Module, precision: Precision, cell: Cell) -> ir.Function:
    """Equations 1 to 7 for n rows: `gates` comes as W_ih x + W_hh h' and becomes i f g o."""
    w = Writer(module, "forward_step", precision, 9, internal=True)
    n, hidden, gates, bias, parameters, c_before, c_after, out, stride = w.arguments

    def block(r: ir.Value, j: ir.Value, mask: ir.Value | None) -> None:
        places, own = _gate_places(w, r, j, hidden), w.add(w.mul(r, hidden), j)
        biases = [w.load(bias, w.add(w.mul(k, hidden), j), mask) for k in range(4)]
        a_i, a_f, a_g, a_o = (w.load(gates, place, mask) + b for place, b in zip(places, biases, strict=True))
        i, f, g, o = sigmoid(a_i), sigmoid(a_f), tanh(a_g), sigmoid(a_o)
        for gate, place in zip((i, f, g, o), places, strict=True):
            w.store(gate, gates, place, mask)
        c = f * w.load(c_before, own, mask) + i * g
        values = {"c": c, "h": o * tanh(c), "o": o, "i": i, "f": f, "g": g}
        values |= {f"p{k}": w.load(parameters, w.add(w.mul(k, hidden), j), mask) for k in range(cell.parameters)}
        w.store(value(cell.current, values), c_after, own, mask)
        w.store(value(cell.hidden, values), out, w.add(w.mul(r, stride), j), mask)

    _all_blocks(w, n, hidden, cell.tail, block)
    return w.done()


def backward_step(module: ir.Module, precision: Precision, cell: Cell) -> ir.Function:
    """Equations 7 to 1 backward for n rows: dh" and dc" to da, dc', db and dp; copies h' contiguously for the GEMM."""
    w = Writer(module, "backward_step", precision, 15, internal=True)
    n, hidden, gates, parameters, c_before, h_before, h_stride, *gradients, h_copy = w.arguments
    d_out, stride, d_h, d_c, d_gates, d_bias, d_parameters = gradients

    def block(r: ir.Value, j: ir.Value, mask: ir.Value | None) -> None:
        places, own = _gate_places(w, r, j, hidden), w.add(w.mul(r, hidden), j)
        i, f, g, o = (w.load(gates, place, mask) for place in places)
        before = w.load(c_before, own, mask)
        c = f * before + i * g
        tanh_c = tanh(c)
        values = {"c": c, "h": o * tanh_c, "o": o, "i": i, "f": f, "g": g}
        values |= {f"p{k}": w.load(parameters, w.add(w.mul(k, hidden), j), mask) for k in range(cell.parameters)}
        dh_after = w.load(d_h, own, mask) + w.load(d_out, w.add(w.mul(r, stride), j), mask)
        d = _through_alteration(cell, values, w.load(d_c, own, mask), dh_after)
        dc = d["c"] + d["h"] * o * (1.0 - tanh_c * tanh_c)
        do = d["o"] + d["h"] * tanh_c
        di, df, dg = d["i"] + dc * g, d["f"] + dc * before, d["g"] + dc * i
        w.store(dc * f, d_c, own, mask)
        da = (di * (i * (1.0 - i)), df * (f * (1.0 - f)), dg * (1.0 - g * g), do * (o * (1.0 - o)))
        for gradient, place in zip(da, places, strict=True):
            w.store(gradient, d_gates, place, mask)
        dp = [d[f"p{k}"] for k in range(cell.parameters)]
        for sums, added in ((d_bias, da), (d_parameters, dp)):
            for k, gradient in enumerate(added):
                place = w.add(w.mul(k, hidden), j)
                w.store(w.load(sums, place, mask) + gradient, sums, place, mask)
        w.store(w.load(h_before, w.add(w.mul(r, h_stride), j), mask), h_copy, own, mask)

    _all_blocks(w, n, hidden, cell.tail, block)
    return w.done()


def _through_alteration(cell: Cell, values: dict[str, Vec], d_c: Vec, d_h: Vec) -> dict[str, Vec]:
    """Equation 7 backward: dc" dC/dy + dh" dH/dy for each name y.

    Zero times an infinite or undefined slope is zero here: c = sqrt(c) may have no slope at the last step of a row,
    whose final c nobody uses. Autograd does not even visit that step.
    """
    result = {name: d_c.e.const(0.0) for name in values}
    for downstream, formula in ((d_c, cell.current), (d_h, cell.hidden)):
        for name, partial in partials(formula, values).items():
            result[name] = result[name] + zero_where(downstream, downstream * partial)
    return result


def _gate_places(w: Writer, r: ir.Value, j: ir.Value, hidden: ir.Value) -> list[ir.Value]:
    """The places of unit j of each gate in row r of a matrix [n, 4 H]."""
    row = w.mul(r, w.mul(4, hidden))
    return [w.add(row, w.add(w.mul(k, hidden), j)) for k in range(4)]


def _all_blocks(w: Writer, n: ir.Value, hidden: ir.Value, tail: bool, block: Block) -> None:
    """Write the block for all units of n rows; with a tail, once more for the last units, masked."""
    whole = w.b.and_(hidden, w.number(-w.p.lanes))
    with w.loop(0, n) as r:
        with w.loop(0, whole, by=w.p.lanes) as j:
            block(r, j, None)
        if tail:
            block(r, whole, w.first_lanes(w.sub(hidden, whole)))


class _Part(NamedTuple):
    """Rows of one step whose previous states are contiguous."""

    first: Int  # the first of them, counted from the step's first row
    n: ir.Value  # their number
    row: ir.Value  # the first of them, counted from the first of all rows
    h_before: ir.Value
    h_stride: ir.Value
    c_before: ir.Value


def forward_loop(module: ir.Module, precision: Precision, step: ir.Function) -> None:
    """All steps of a task: from x, h0 and c0 to out and c, and the gates where they are kept."""
    w = Writer(module, "forward", precision, 1)
    task, blas = _read(w, FORWARD), Blas(w)
    hidden, width = task.hidden, w.mul(4, task.hidden)
    with w.loop(0, task.chunks) as chunk:
        first, last, row0, rows = _steps_and_rows(w, task, chunk)
        gates0 = w.select(w.given(task.kept), 0, row0)  # the first row held in `gates`
        x, a = w.at(task.x, row0, task.inputs), w.at(task.gates, w.sub(row0, gates0), width)
        strides = (task.inputs, task.inputs, width)
        blas.gemm(x, task.w_ih, a, (rows, width, task.inputs), strides, transposed="b")
        with w.loop(first, last) as t:
            for part in _parts(w, task, t):
                gates = w.at(task.gates, w.sub(part.row, gates0), width)
                sizes, strides = (part.n, width, hidden), (part.h_stride, hidden, width)
                blas.gemm(part.h_before, task.w_hh, gates, sizes, strides, add=True, transposed="b")
                row = w.item(task.start, t)
                c_after = w.at(task.c, w.add(w.mul(task.kept, row), part.first), hidden)
                out = w.at(task.out, part.row, task.stride)
                read = (gates, task.bias, task.parameters, part.c_before)
                w.call(step, part.n, hidden, *read, c_after, out, task.stride)
    w.done()


def backward_loop(module: ir.Module, precision: Precision, step: ir.Function) -> None:
    """All steps of a task, last one first: from d_out, d_h and d_c to the gradients of everything."""
    w = Writer(module, "backward", precision, 1)
    task, blas = _read(w, BACKWARD), Blas(w)
    hidden, width = task.hidden, w.mul(4, task.hidden)
    with w.loop(0, task.chunks) as done:
        first, last, row0, rows = _steps_and_rows(w, task, w.sub(w.sub(task.chunks, 1), done))
        with w.loop(0, w.sub(last, first)) as steps_done:
            t = w.sub(w.sub(last, 1), steps_done)
            for part in _parts(w, task, t):
                gates, d_out = w.at(task.gates, part.row, width), w.at(task.d_out, part.row, task.stride)
                d_h, d_c = w.at(task.d_h, part.first, hidden), w.at(task.d_c, part.first, hidden)
                local = w.sub(part.row, row0)
                d_gates, h_copy = w.at(task.d_gates, local, width), w.at(task.h_before, local, hidden)
                states = (part.c_before, part.h_before, part.h_stride)
                sums = (task.d_bias, task.d_parameters)
                read = (gates, task.parameters, *states, d_out, task.stride)
                w.call(step, part.n, hidden, *read, d_h, d_c, d_gates, *sums, h_copy)
            with w.when(w.b.or_(w.less(0, t), w.given(task.d_h0_wanted))):
                d_gates = w.at(task.d_gates, w.sub(w.item(task.start, t), row0), width)
                sizes, strides = (w.item(task.count, t), hidden, width), (width, hidden, hidden)
                blas.gemm(d_gates, task.w_hh, task.d_h, sizes, strides)
        _chunk_gradients(w, task, blas, row0, rows, again=w.less(0, done))
    w.done()


def _chunk_gradients(
    w: Writer, task: SimpleNamespace, blas: Blas, row0: ir.Value, rows: ir.Value, again: ir.Value
) -> None:
    """dx of a chunk, and its part of dW_ih and dW_hh; `again`: an earlier chunk has begun these sums."""
    width, inputs, hidden = w.mul(4, task.hidden), task.inputs, task.hidden
    x = w.at(task.x, row0, inputs)
    with w.when(w.given(task.d_w_hh)):
        sizes, strides = (hidden, width, rows), (hidden, width, width)
        blas.gemm(task.h_before, task.d_gates, task.d_w_hh, sizes, strides, again, transposed="a")
    with w.when(w.given(task.d_w_ih)):
        sizes, strides = (inputs, width, rows), (inputs, width, width)
        blas.gemm(x, task.d_gates, task.d_w_ih, sizes, strides, again, transposed="a")
    with w.when(w.given(task.d_x)):
        d_x = w.at(task.d_x, row0, inputs)
        blas.gemm(task.d_gates, task.w_ih, d_x, (rows, inputs, width), (width, inputs, inputs))


def _read(w: Writer, fields: Fields) -> SimpleNamespace:
    """The fields of the task that is the function's argument."""
    return SimpleNamespace(**{name: w.item(w.arguments[0], k) for k, name in enumerate(fields.names)})


def _steps_and_rows(w: Writer, task: SimpleNamespace, chunk: ir.Value) -> tuple[ir.Value, ...]:
    """A chunk's first step and one past its last, its first row and number of rows; its rows are contiguous."""
    first, last = w.item(task.chunk_step, chunk), w.item(task.chunk_step, w.add(chunk, 1))
    final = w.sub(last, 1)
    row_of_first, row_of_final = w.item(task.start, first), w.item(task.start, final)
    upwards = w.less(row_of_first, row_of_final)  # a reverse direction visits the rows downwards
    end_of_first = w.add(row_of_first, w.item(task.count, first))
    end_of_final = w.add(row_of_final, w.item(task.count, final))
    row0, end = w.select(upwards, row_of_first, row_of_final), w.select(upwards, end_of_final, end_of_first)
    return first, last, row0, w.sub(end, row0)


def _parts(w: Writer, task: SimpleNamespace, t: ir.Value) -> Iterator[_Part]:
    """The rows of step t that are still running, then those that start here; either part may be empty.

    The instructions written in the body of the for statement run only if the part is not empty.
    """
    n, row = w.item(task.count, t), w.item(task.start, t)
    begun = w.less(0, t)
    before = w.select(begun, w.sub(t, 1), 0)
    row_before = w.item(task.start, before)
    running = w.select(begun, w.minimum(n, w.item(task.count, before)), 0)
    with w.when(w.less(0, running)):
        c_before = w.at(task.c, w.mul(task.kept, row_before), task.hidden)
        yield _Part(0, running, row, w.at(task.out, row_before, task.stride), task.stride, c_before)
    with w.when(w.less(running, n)):
        h0, c0 = w.at(task.h0, running, task.hidden), w.at(task.c0, running, task.hidden)
        yield _Part(running, w.sub(n, running), w.add(row, running), h0, task.hidden, c0)
