"""Compiled functions against torch's in double precision, the fields of a task, and plans."""

import ctypes
import itertools
import math

import pytest
import torch
from llvmlite import ir
from torch import Tensor

from cells.language.functions import FUNCTIONS
from cells.llvm import fields, machine, plan, printer, vector
from cells.llvm.writer import Writer
from cells.torchscript.printer import FUNCTIONS as TORCH


def unary(function: str, precision: vector.Precision) -> "ctypes._FuncPointer":
    """A compiled (address of x, address of the result, length) for a function of the language."""
    module = ir.Module()
    w = Writer(module, "unary", precision, 3)
    source, target, length = w.arguments
    with w.loop(0, length, by=precision.lanes) as j:
        w.store(printer.FUNCTIONS[function](w.load(source, j)), target, j)
    w.done()
    engine, kept = machine._machine_code(module)
    pointer = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 3)(engine.get_function_address("unary"))
    pointer.kept = kept
    return pointer


RANGES = {"exp": (-80, 80), "expm1": (-80, 80), "sqrt": (0, 1e6), "softplus": (-80, 19)}
RANGES |= {"log": (1e-30, 1e30), "log1p": (-0.99, 1e6)}


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_accuracy_in_units_of_the_last_place(function: str, dtype: torch.dtype) -> None:
    low, high = RANGES.get(function, (-20, 20))
    generator = torch.Generator().manual_seed(0)
    x = [torch.rand(1 << 16, dtype=torch.float64, generator=generator) for _ in range(3)]
    x = torch.cat([low + (high - low) * x[0], (2 * x[1] - 1 if low < 0 else x[1]), x[2] * 1e-4]).to(dtype)
    result = torch.empty_like(x)
    precision = vector.SINGLE if dtype == torch.float32 else vector.DOUBLE
    unary(function, precision)(x.data_ptr(), result.data_ptr(), x.numel())
    exact = eval(TORCH[function].format(x="x"), {"torch": torch, "x": x.double()})
    units = (result.double() - exact).abs() / spacing(exact.to(dtype))
    assert float(units.max()) < 4.5


def spacing(x: Tensor) -> Tensor:
    """The distance of two neighbouring numbers at x."""
    x = x.abs().clamp(min=torch.finfo(x.dtype).tiny)
    return (torch.nextafter(x, torch.full_like(x, math.inf)) - x).double()


# the fields of a task


def test_a_field_with_an_unknown_name_is_refused() -> None:
    (task, *_) = plan.Plan((2, 1), 1, 1, 10, 1).tasks
    with pytest.raises(ValueError, match=r"no kernel reads wieghts: cells/llvm/fields\.py has the fields' names"):
        task.bind(fields.FORWARD, {}, {"wieghts": torch.ones(2)})


@pytest.mark.parametrize("which", [fields.FORWARD, fields.BACKWARD], ids=["forward", "backward"])
def test_only_optional_fields_may_be_left_out(which: fields.Fields) -> None:
    values = dict(zip(which.names, range(1, 99), strict=False))
    assert list(which.words(values)) == list(values.values())
    for name, value in values.items():
        rest = values.keys() - {name}
        if name in which.optional:
            words = which.words({key: values[key] for key in rest})
            assert list(words) == [0 if other == value else other for other in values.values()]
        else:
            with pytest.raises(ValueError, match=f"a kernel reads {name}, which the task does not give"):
                which.words({key: values[key] for key in rest})


def test_a_tensor_that_is_none_is_left_out() -> None:
    (task, *_) = plan.Plan((2, 1), 1, 1, 10, 1).tasks
    given = dict.fromkeys(fields.BACKWARD.names, torch.ones(2))
    for name in task.tables.keys() | {"chunks"}:
        del given[name]
    words = task.bind(fields.BACKWARD, {}, {**given, "d_x": None}).words
    assert words[fields.BACKWARD.names.index("d_x")] == 0
    assert words[fields.BACKWARD.names.index("x")] == given["x"].data_ptr()
    with pytest.raises(ValueError, match="a kernel reads w_hh, which"):
        task.bind(fields.BACKWARD, {}, {**given, "w_hh": None})


# plans

SIZES = [(5,), (4, 4, 4), (9, 9, 7, 2, 1, 1), (40, 31, 20, 1), (3, 3, 0, 0)]


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("threads", [1, 2, 4, 8])
@pytest.mark.parametrize("chunk_rows", [1, 10, 1000])
def test_a_plan_covers_every_row_once(sizes: tuple[int, ...], directions: int, threads: int, chunk_rows: int) -> None:
    cut = plan.Plan(sizes, directions, threads, chunk_rows, 1)
    for direction in range(directions):
        visited = []
        for task in (task for task in cut.tasks if task.direction == direction):
            start, count, edges = (list(task.tables[name]) for name in ("start", "count", "chunk_step"))
            assert edges[0] == 0
            assert edges[-1] == len(start)
            assert start == sorted(start, reverse=direction == 1)
            for first, last in itertools.pairwise(edges):
                rows = [
                    row for s, n in zip(start[first:last], count[first:last], strict=True) for row in range(s, s + n)
                ]
                assert sorted(rows) == list(range(min(rows), max(rows) + 1))  # a chunk's rows lie together
                assert len(rows) <= max(task.chunk_rows, max(count))
                assert last - first == 1 or len(rows) <= chunk_rows
                visited += rows
        assert sorted(visited) == list(range(sum(sizes)))


def test_slices_have_equal_work() -> None:
    sizes = tuple(
        sorted(torch.randint(1, 200, (300,), generator=torch.Generator().manual_seed(0)).tolist(), reverse=True)
    )
    work = [sum(task.tables["count"]) for task in plan.Plan(sizes, 2, 8, 100, 1).tasks]
    assert len(work) == 8
    assert max(work) - min(work) < 0.02 * sum(work)


def test_the_last_state_of_each_row() -> None:
    cut = plan.Plan((3, 2, 2, 1), 2, 1, 10, 1)
    states = torch.arange(8.0).unsqueeze(1)
    assert cut.final(states, 0).flatten().tolist() == [7, 6, 2]  # the last steps of the rows with 4, 3 and 1 steps
    assert cut.final(states, 1).flatten().tolist() == [0, 1, 2]


@pytest.mark.parametrize("steps", [1, 7, 23, 342])
@pytest.mark.parametrize("batch", [16, 64, 256])
@pytest.mark.parametrize("columns", [83, 164, 1024])  # I + H
def test_further_sums_of_weights_never_outweigh_the_gates(steps: int, batch: int, columns: int) -> None:
    hidden, directions = 64, 2
    for threads in (2, 4, 16, 64):
        slices = len(plan.Plan((batch,) * steps, directions, threads, 100, columns).tasks) // directions
        further_sums = (slices - 1) * 4 * hidden * columns
        gates = steps * batch * 4 * hidden
        assert further_sums <= gates
        others = min(threads // directions, batch // plan.LEAST_SLICE)
        assert slices == others or further_sums + 4 * hidden * columns > gates
