"""The loop over time of one direction, forward and backward, as machine code written through LLVM.

With x the input, h' and c' the states that the previous step handed on, and r what W_hh is multiplied by, which is h'
itself in the paper's cell:

    a = W_ih x + W_hh r + b                          in torch's order i f g o
    c", h" = the equations of a, c', h'              handed on

Backward, dy is the gradient of the loss by y; dc" and dh" come from the step after, dh" from this step's output as
well:

    da, dc', dh' = the equations backward            to the step before
    dr = W_hh^T da                                   dh' += dr by the equation of r
    dx = W_ih^T da    dW_ih += da x^T    dW_hh += da r^T    db += da

Products with W_hh stay inside the loop, one per step, and W_ih x joins them where a step has rows enough. The other
products are done for a chunk of steps at once, small enough to stay in a core's cache between them. All of them are in
`cells.llvm.products`; everything between two products is one pass over a step's rows, see `cells.llvm.passes`.

Rows are packed (see `cells.recurrence`); a task is one direction over a range of the batch. Its steps are numbered
in the order in which it visits them; `start .. start + count` are a step's rows that are still running. What a task
gives to the kernels is listed in `cells.llvm.fields`.
"""

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import NamedTuple

from llvmlite import ir

from cells.llvm import passes
from cells.llvm.fields import BACKWARD, FORWARD, Fields
from cells.llvm.passes import Cell
from cells.llvm.products import Products
from cells.llvm.target import Tile
from cells.llvm.vector import Precision
from cells.llvm.writer import Int, Writer

JOINED = 8  # rows of a step; with fewer, W_ih x is worth a product for a whole chunk, which reads W_ih once


def write(module: ir.Module, precision: Precision, cell: Cell, tile: Tile) -> None:
    """Add the functions `forward(task, room)` and, if the cell has it, `backward(task, room)` to the module."""
    products = Products(precision, tile)
    forward_loop(module, precision, cell, products)
    if cell.has_backward:
        backward_loop(module, precision, cell, products)


class _Part(NamedTuple):
    """Rows of one step whose previous states are contiguous."""

    first: Int  # the first of them, counted from the step's first row
    n: ir.Value  # their number
    row: ir.Value  # the first of them, counted from the first of all rows
    h_before: ir.Value
    h_stride: ir.Value
    c_before: ir.Value


def forward_loop(module: ir.Module, precision: Precision, cell: Cell, products: Products) -> None:
    """All steps of a task: from x, h0 and c0 to out and c, and the gates where they are kept."""
    step = passes.forward_step(module, precision, cell)
    multiplied = None if cell.multiplies_h else passes.product_step(module, precision, cell)
    w = Writer(module, "forward", precision, 2)
    task = _read(w, FORWARD)
    hidden, width = task.hidden, w.mul(4, task.hidden)
    w_ih, w_hh = task.packed, w.at(task.packed, products.padded(w, width), task.inputs)
    products.call(w, "pack_columns", task.w_ih, w_ih, task.inputs, width)
    products.call(w, "pack_columns", task.w_hh, w_hh, hidden, width)
    _fill(w, task.bias, width, [])
    with w.when(w.given(task.bias_ih)):
        _fill(w, task.bias, width, [task.bias_ih, task.bias_hh])
    with w.loop(0, task.chunks) as chunk:
        first, last, row0, rows = _steps_and_rows(w, task, chunk)
        kept = w.given(task.kept)
        gates0, all_gates = w.select(kept, 0, row0), w.select(kept, task.gates, task.chunk_gates)
        joined = w.less(w.mul(JOINED, w.sub(last, first)), w.add(rows, 1))
        with w.when(w.b.not_(joined)):
            x, a = w.at(task.x, row0, task.inputs), w.at(all_gates, w.sub(row0, gates0), width)
            products.call(w, "multiply", x, task.inputs, w_ih, task.inputs, 0, 0, 0, 0, a, width, rows, width, 0)
        with w.loop(first, last) as t:
            for part in _parts(w, task, t):
                gates = w.at(all_gates, w.sub(part.row, gates0), width)
                own = {**_arguments(w, task, part), "gates": gates, "bias": task.bias}
                r, r_stride = part.h_before, part.h_stride
                if multiplied is not None:
                    r, r_stride = task.r, hidden
                    multiplied.call(w, {**own, "r": r})
                x, columns = w.at(task.x, part.row, task.inputs), w.select(joined, task.inputs, 0)
                both, add = (x, task.inputs, w_ih, columns, r, r_stride, w_hh, hidden), w.select(joined, 0, 1)
                products.call(w, "multiply", *both, gates, width, part.n, width, add)
                row = w.item(task.start, t)
                own["c_after"] = w.at(task.c, w.add(w.mul(task.kept, row), part.first), hidden)
                step.call(w, {**own, "out": w.at(task.out, part.row, task.stride)})
    w.done()


def backward_loop(module: ir.Module, precision: Precision, cell: Cell, products: Products) -> None:
    """All steps of a task, last one first: from d_out, d_h and d_c to the gradients of everything."""
    step = passes.backward_step(module, precision, cell)
    multiplied = None if cell.multiplies_h else passes.product_backward_step(module, precision, cell)
    w = Writer(module, "backward", precision, 2)
    task = _read(w, BACKWARD)
    hidden, width = task.hidden, w.mul(4, task.hidden)
    w_hh, w_ih = task.packed, w.at(task.packed, products.padded(w, hidden), width)
    products.call(w, "pack_rows", task.w_hh, w_hh, width, hidden)
    _fill(w, task.d_bias, width, [])
    with w.when(w.given(task.d_x)):
        products.call(w, "pack_rows", task.w_ih, w_ih, width, task.inputs)
    with w.loop(0, task.chunks) as done:
        first, last, row0, rows = _steps_and_rows(w, task, w.sub(w.sub(task.chunks, 1), done))
        with w.loop(0, w.sub(last, first)) as steps_done:
            t = w.sub(w.sub(last, 1), steps_done)
            for part in _parts(w, task, t):
                local = w.sub(part.row, row0)
                own = _arguments(w, task, part) | _gradients(w, task, part)
                own["gates"] = w.at(task.gates, part.row, width)
                own["d_gates"], own["r"] = w.at(task.d_gates, local, width), w.at(task.r, local, hidden)
                step.call(w, own)
            # At step 0, dr is for h0 alone, unless a learned coefficient stands in the equation of r.
            needed = w.b.or_(w.less(0, t), w.given(task.d_h0_wanted))
            with w.when(w.b.or_(needed, w.less(0, int(cell.learns_in_product)))):
                d_gates = w.at(task.d_gates, w.sub(w.item(task.start, t), row0), width)
                d_r, add = (task.d_h, int(cell.reads_h)) if multiplied is None else (task.d_r, 0)
                count = w.item(task.count, t)
                of_da = (d_gates, width, w_hh, width)
                products.call(w, "multiply", *of_da, 0, 0, 0, 0, d_r, hidden, count, hidden, add)
                if multiplied is not None:
                    for part in _parts(w, task, t):
                        multiplied.call(w, _arguments(w, task, part) | _gradients(w, task, part))
        _chunk_gradients(w, task, products, w_ih, (row0, rows), again=w.less(0, done))
    _weight_gradients(w, task, products)
    w.done()


def _arguments(w: Writer, task: SimpleNamespace, part: _Part) -> dict[str, Int]:
    """The arguments that a pass over these rows has both forward and backward."""
    hidden = task.hidden
    return {
        **{"n": part.n, "hidden": hidden, "stride": task.stride, "learned": task.learned},
        **{"h_before": part.h_before, "h_stride": part.h_stride, "c_before": part.c_before},
        **{"noise": w.at(task.noise, part.row, hidden), "noise_step": w.mul(task.noise_rows, hidden)},
        **{"masks": w.at(task.masks, part.first, hidden), "mask_step": w.mul(task.mask_rows, hidden)},
    }


def _gradients(w: Writer, task: SimpleNamespace, part: _Part) -> dict[str, Int]:
    """The gradients that a pass over these rows reads and writes."""
    of_rows = {name: w.at(getattr(task, name), part.first, task.hidden) for name in ("d_h", "d_c", "d_r")}
    d_out = w.at(task.d_out, part.row, task.stride)
    return {**of_rows, "d_out": d_out, "d_bias": task.d_bias, "d_learned": task.d_learned}


def _chunk_gradients(
    w: Writer,
    task: SimpleNamespace,
    products: Products,
    w_ih: ir.Value,
    chunk: tuple[ir.Value, ir.Value],
    again: ir.Value,
) -> None:
    """dx of a chunk's rows, and their part of dW_ih and dW_hh; `again`: an earlier chunk has begun these sums."""
    (row0, rows), width, inputs, hidden = chunk, w.mul(4, task.hidden), task.inputs, task.hidden
    x, add = w.at(task.x, row0, inputs), w.select(again, 1, 0)
    for given, a, lda, of_sum in ((task.d_w_hh, task.r, hidden, 0), (task.d_w_ih, x, inputs, hidden)):
        with w.when(w.given(given)):
            total = w.at(task.sums, of_sum, width)
            sizes = (width, rows, total, width, lda, width)
            products.call(w, "multiply_transposed", a, lda, task.d_gates, *sizes, add)
    with w.when(w.given(task.d_x)):
        d_x = w.at(task.d_x, row0, inputs)
        products.call(w, "multiply", task.d_gates, width, w_ih, width, 0, 0, 0, 0, d_x, inputs, rows, inputs, 0)


def _weight_gradients(w: Writer, task: SimpleNamespace, products: Products) -> None:
    """dW_hh and dW_ih from their sums, which lie transposed: [H, 4 H] and [I, 4 H]; db twice."""
    width = w.mul(4, task.hidden)
    for given, columns, of_sum in ((task.d_w_hh, task.hidden, 0), (task.d_w_ih, task.inputs, task.hidden)):
        with w.when(w.given(given)):
            products.call(w, "transpose", w.at(task.sums, of_sum, width), width, given, columns, columns, width)
    for given in (task.d_bias_ih, task.d_bias_hh):
        with w.when(w.given(given)):
            _fill(w, given, width, [task.d_bias])


def _fill(w: Writer, target: ir.Value, length: ir.Value, terms: Sequence[ir.Value]) -> None:
    """Store the sum of some vectors of that length."""
    with w.loop(0, length, by=w.p.lanes) as j:
        mask = w.first_lanes(w.sub(length, j))
        w.store(sum((w.load(term, j, mask) for term in terms), w.e.const(0.0)), target, j, mask)


def _read(w: Writer, fields: Fields) -> SimpleNamespace:
    """The fields of the task that is the function's first argument; those in its room as addresses."""
    task, room = w.arguments
    values = {name: w.item(task, k) for k, name in enumerate(fields.names)}
    return SimpleNamespace(**values | {name: w.add(values[name], room) for name in fields.in_room})


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
