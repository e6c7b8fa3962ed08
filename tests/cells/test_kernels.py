"""Compiled functions against torch's in double precision, the fields of a task, and plans."""

import ctypes
import itertools
import math
from collections.abc import Callable

import pytest
import torch
from llvmlite import ir
from torch import Tensor

from cells.language.functions import FUNCTIONS
from cells.language.parser import MAX_POWER
from cells.language.tree import Expression, Guarded, Power, Variable, call
from cells.llvm import fields, machine, plan, printer, vector
from cells.llvm.target import host
from cells.llvm.writer import Writer
from cells.torchscript.printer import FUNCTIONS as TORCH

Compiled = Callable[..., Tensor]


def compiled(formula: Expression, dtype: torch.dtype) -> Compiled:
    """The formula over x and y, as a function of these tensors, whose lengths are multiples of a vector's lanes."""
    module, precision = ir.Module(), vector.SINGLE if dtype == torch.float32 else vector.DOUBLE
    w = Writer(module, "function", precision, 4)
    of_x, of_y, target, length = w.arguments
    with w.loop(0, length, by=precision.lanes) as j:
        w.store(printer.value(formula, {"x": w.load(of_x, j), "y": w.load(of_y, j)}, w.e), target, j)
    w.done()
    code = machine.load(module, host(), {})
    function = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 4)(code.engine.get_function_address("function"))
    function.kept = code

    def call(x: Tensor, y: Tensor) -> Tensor:
        result = torch.empty_like(x)
        function(x.data_ptr(), y.data_ptr(), result.data_ptr(), len(x))
        return result

    return call


X, Y = Variable("x"), Variable("y")


RANGES = {"exp": (-80, 80), "expm1": (-80, 80), "sqrt": (0, 1e6), "softplus": (-80, 19)}
RANGES |= {"log": (1e-30, 1e30), "log1p": (-0.99, 1e6)}


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_accuracy_in_units_of_the_last_place(function: str, dtype: torch.dtype) -> None:
    x = numbers(*RANGES.get(function, (-20, 20)), dtype)
    y = x.flip(0)
    result = compiled(call(function, X, Y) if len(FUNCTIONS[function].slopes) == 2 else call(function, X), dtype)(x, y)
    exact = eval(TORCH[function].format(x="x", y="y"), {"torch": torch, "x": x.double(), "y": y.double()})
    assert units(result, exact) < 4.5


@pytest.mark.parametrize("exponent", range(2, MAX_POWER + 1))
def test_accuracy_of_powers(exponent: int) -> None:
    x = numbers(-20, 20, torch.float32)
    result = compiled(Power(X, exponent), torch.float32)(x, x)
    assert units(result, x.double() ** exponent) < exponent  # each product adds half a unit to those of its factors


EXTREME = torch.tensor([0.0, -0.0, 1.0, -2.0, 3e38, math.inf, -math.inf, math.nan])


@pytest.mark.parametrize("function", ["max", "min"])
def test_larger_and_smaller_numbers_are_torchs_also_at_extreme_values(function: str) -> None:
    x, y = (pairs.flatten() for pairs in torch.meshgrid(EXTREME, EXTREME, indexing="ij"))
    wanted = torch.maximum(x, y) if function == "max" else torch.minimum(x, y)
    got = compiled(call(function, X, Y), torch.float32)(x, y)
    torch.testing.assert_close(got, wanted, rtol=0, atol=0, equal_nan=True)


def test_a_guarded_product_is_zero_where_a_factor_is() -> None:
    x, y = (pairs.flatten() for pairs in torch.meshgrid(EXTREME, EXTREME, indexing="ij"))
    got = compiled(Guarded(X, Y), torch.float32)(x, y)
    torch.testing.assert_close(got, torch.where((x == 0) | (y == 0), 0.0, x * y), rtol=0, atol=0, equal_nan=True)


def numbers(low: float, high: float, dtype: torch.dtype) -> Tensor:
    """Many numbers from low to high, many within 1 and many close to 0."""
    generator = torch.Generator().manual_seed(0)
    x = [torch.rand(1 << 16, dtype=torch.float64, generator=generator) for _ in range(3)]
    return torch.cat([low + (high - low) * x[0], (2 * x[1] - 1 if low < 0 else x[1]), x[2] * 1e-4]).to(dtype)


def units(result: Tensor, exact: Tensor) -> float:
    """The largest distance from the exact values, in units of the last place."""
    return float(((result.double() - exact).abs() / spacing(exact.to(result.dtype))).max())


def spacing(x: Tensor) -> Tensor:
    """The distance of two neighbouring numbers at x."""
    x = x.abs().clamp(min=torch.finfo(x.dtype).tiny)
    return (torch.nextafter(x, torch.full_like(x, math.inf)) - x).double()


# the fields of a task


def test_a_field_with_an_unknown_name_is_refused() -> None:
    (task, *_) = plan.Plan((2, 1), 1, 1, 10, 1).tasks
    with pytest.raises(ValueError, match=r"no kernel reads wieghts: cells/llvm/fields\.py has the fields' names"):
        task.bind(fields.FORWARD, {}, {"wieghts": torch.ones(2)}, {})


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
    words = task.bind(fields.BACKWARD, {}, {**given, "d_x": None}, {}).words
    assert words[fields.BACKWARD.names.index("d_x")] == 0
    assert words[fields.BACKWARD.names.index("x")] == given["x"].data_ptr()
    with pytest.raises(ValueError, match="a kernel reads w_hh, which"):
        task.bind(fields.BACKWARD, {}, {**given, "w_hh": None}, {})


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
