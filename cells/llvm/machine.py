"""Machine code for the kernels.

LLVM (llvmlite) compiles in the user's process, so no compiler is needed, and no BLAS, as the products are our own.
`cells.llvm.team` has the threads.
"""

import ctypes
import functools
import threading
from collections.abc import Callable
from typing import NamedTuple

import llvmlite.binding as llvm
import torch
from llvmlite import ir

from cells.forking import held_over_forks
from cells.llvm import kernels, products
from cells.llvm.passes import Cell
from cells.llvm.target import Target, host
from cells.llvm.vector import DOUBLE, SINGLE, Precision
from cells.llvm.writer import Writer


class Kernels(NamedTuple):
    """The kernels of a cell.

    Attributes:
        multiplies_h: whether W_hh is multiplied by h' itself, so that a task needs no buffers for r.
        forward: the address of the loop for a team of threads.
        backward: likewise; None where the cell has none.
        engine: the objects that own the machine code.
    """

    multiplies_h: bool
    forward: int
    backward: int | None
    engine: object


def compiled(cell: Cell, dtype: torch.dtype) -> Kernels:
    """The kernels of a cell. Compiling them takes some tenths of a second, so they are not worth a cache on disk."""
    with _loading:
        return _compiled(cell, SINGLE if dtype == torch.float32 else DOUBLE, host())


_loading = held_over_forks(threading.Lock())
"""Held while code is looked up or loaded. LLVM knows symbols by name in the whole process: without it, kernels of one
thread could be linked to the products of another, which are freed unless the cache keeps them."""


@functools.cache
def _compiled(cell: Cell, precision: Precision, target: Target) -> Kernels:
    names = ("forward", "backward") if cell.has_backward else ("forward",)
    shared = _products(precision, target)
    symbols = {name: shared.engine.get_function_address(name) for name in products.symbols(precision)}
    code = load(module_of(cell, precision, target), target, symbols)
    addresses = {name: code.engine.get_function_address(f"{name}_team") for name in names}
    return Kernels(cell.multiplies_h, addresses["forward"], addresses.get("backward"), (code, shared))


def module_of(cell: Cell, precision: Precision, target: Target) -> ir.Module:
    """The kernels of a cell as a module, whose products are in `products_module`."""
    module = ir.Module("lstm")
    kernels.write(module, precision, cell, target.tile)
    for name in ("forward", "backward") if cell.has_backward else ("forward",):
        _team(module, name)
    return module


def products_module(precision: Precision, target: Target) -> ir.Module:
    """The functions of `cells.llvm.products` as a module."""
    module = ir.Module("products")
    products.write(module, precision, target.tile)
    return module


class Code(NamedTuple):
    """Loaded machine code, with all that must live as long."""

    engine: llvm.ExecutionEngine
    held: object


def product_functions(dtype: torch.dtype) -> dict[str, Callable[..., None]]:
    """The functions of `cells.llvm.products`, for calls from Python."""
    precision = SINGLE if dtype == torch.float32 else DOUBLE
    with _loading:
        engine = _products(precision, host()).engine
    functions: dict[str, Callable[..., None]] = {}
    for name, count in products.ARGUMENTS.items():
        address = engine.get_function_address(products.symbol(name, precision))
        functions[name] = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * count)(address)
    return functions


@functools.cache
def _products(precision: Precision, target: Target) -> Code:
    # As written: LLVM's optimiser takes longer than all the rest, and what it makes of them is no faster.
    return load(products_module(precision, target), target, {}, speed_level=0)


_fltused = ctypes.c_int(0)  # Windows' code that computes with fractions names it, and nobody reads it


def load(module: ir.Module, target: Target, symbols: dict[str, int], speed_level: int = 2) -> Code:
    """The module's code in this process; `symbols` has the addresses of functions that others bring."""
    for name, address in (symbols | {"_fltused": ctypes.addressof(_fltused)}).items():
        llvm.add_symbol(name, address)
    machine = target.machine()
    parsed = optimised(module, machine, speed_level)
    engine = llvm.create_mcjit_compiler(parsed, machine)
    engine.finalize_object()
    return Code(engine, (machine, parsed))


def optimised(module: ir.Module, machine: llvm.TargetMachine, speed_level: int = 2) -> llvm.ModuleRef:
    """The module as LLVM's optimiser leaves it for a target."""
    parsed = llvm.parse_assembly(str(module))
    passes = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=speed_level))
    passes.getModulePassManager().run(parsed, passes)
    return parsed


def _team(module: ir.Module, name: str) -> None:
    """Add `name`_team(data), the function that each thread of a team runs until no task is left.

    `data` is [number of tasks, number of those begun, number of threads that have come, address of the first thread's
    room, bytes of a room, addresses of the tasks].
    """
    loop = module.globals[name]
    w = Writer(module, f"{name}_team", SINGLE, 1)
    data = w.arguments[0]
    room = w.add(w.item(data, 3), w.mul(w.next_item(w.add(data, 16)), w.item(data, 4)))
    again, body, end = (w.function.append_basic_block(block) for block in ("again", "body", "end"))
    w.b.branch(again)
    w.b.position_at_end(again)
    task = w.next_item(w.add(data, 8))
    w.b.cbranch(w.less(task, w.item(data, 0)), body, end)
    w.b.position_at_end(body)
    w.call(loop, w.item(data, w.add(task, 5)), room)
    w.b.branch(again)
    w.b.position_at_end(end)
    w.done()
