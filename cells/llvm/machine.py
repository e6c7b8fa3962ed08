"""Machine code for the kernels, which use torch's own matrix products and threads.

LLVM (llvmlite) compiles in the user's process, so no compiler is needed. `sgemm_` and `dgemm_` are those of torch's
library, and the threads are torch's OpenMP team, so neither is duplicated. `cells.llvm.threads` says how many threads
run.
"""

import ctypes
import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import llvmlite.binding as llvm
import torch
from llvmlite import ir

from cells.llvm import kernels, threads
from cells.llvm.passes import Cell
from cells.llvm.vector import DOUBLE, SINGLE
from cells.llvm.writer import INT, WORD, Writer


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


class _Torch(NamedTuple):
    """The parts of the libraries in torch's folder that the kernels use."""

    symbols: dict[str, int]
    parallel: "ctypes._FuncPointer"


@functools.cache
def obstacle() -> str:
    """Why this machine or this build of torch cannot run kernels; empty if it can."""
    try:
        _libraries()
    except (OSError, AttributeError, StopIteration) as error:
        return f"this build of torch does not show its matrix products or threads ({error or 'no libgomp'})"
    return ""


@functools.cache
def _libraries() -> _Torch:
    folder = Path(torch.__file__).parent / "lib"
    torch_cpu = ctypes.CDLL(str(folder / "libtorch_cpu.so"))
    openmp = ctypes.CDLL(str(next(folder.glob("libgomp*"))))
    wanted = [
        *((torch_cpu, name) for name in ("sgemm_", "dgemm_", "MKL_Set_Num_Threads_Local")),
        *((openmp, name) for name in ("omp_get_thread_num", "omp_get_num_threads")),
    ]
    symbols = {name: ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0 for library, name in wanted}
    parallel = openmp.GOMP_parallel
    parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
    parallel.restype = None
    return _Torch(symbols, parallel)


@functools.cache
def compiled(cell: Cell, dtype: torch.dtype) -> Kernels:
    """The kernels of a cell. Compiling them takes about 0.2 s, so they are not worth a cache on disk."""
    module = ir.Module("lstm")
    kernels.write(module, SINGLE if dtype == torch.float32 else DOUBLE, cell)
    names = ("forward", "backward") if cell.has_backward else ("forward",)
    for name in names:
        _team(module, name)
    engine, kept = _machine_code(module)
    addresses = {name: engine.get_function_address(f"{name}_team") for name in names}
    return Kernels(cell.multiplies_h, addresses["forward"], addresses.get("backward"), kept)


def _machine_code(module: ir.Module) -> tuple[llvm.ExecutionEngine, object]:
    for name, address in _libraries().symbols.items():
        llvm.add_symbol(name, address)
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    cpu, features = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    machine = llvm.Target.from_default_triple().create_target_machine(cpu=cpu, features=features, opt=3, jit=True)
    parsed = llvm.parse_assembly(str(module))
    passes = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=2))
    passes.getModulePassManager().run(parsed, passes)
    engine = llvm.create_mcjit_compiler(parsed, machine)
    engine.finalize_object()
    return engine, (engine, machine, parsed)


def _team(module: ir.Module, name: str) -> None:
    """Add `name`_team(data), the function that each thread of a team runs.

    `data` is [number of tasks, their addresses]. Thread m of n takes the tasks m, m + n, ..., each with a BLAS of one
    thread.
    """
    loop = module.globals[name]
    w = Writer(module, f"{name}_team", SINGLE, 1)
    data = w.arguments[0]
    number = ir.FunctionType(INT, [])
    me, team = (w.b.sext(w.b.call(w.external(f"omp_get_{n}", number), []), WORD) for n in ("thread_num", "num_threads"))
    set_threads = w.external("MKL_Set_Num_Threads_Local", ir.FunctionType(INT, [INT]))
    before = w.b.call(set_threads, [ir.Constant(INT, 1)])
    with w.loop(0, w.item(data, 0)) as task, w.when(w.b.icmp_signed("==", w.b.srem(task, team), me)):
        w.call(loop, w.item(data, w.add(task, 1)))
    w.b.call(set_threads, [before])
    w.done()


def run_tasks(team_function: int, tasks: Sequence[ctypes.Array[ctypes.c_int64]]) -> None:
    """Run the tasks on `threads.running()` threads; a single one stays on the calling thread."""
    data = (ctypes.c_int64 * (len(tasks) + 1))(len(tasks), *[ctypes.addressof(task) for task in tasks])
    # The whole team even for fewer tasks: OpenMP would end the threads without work, and start them again later.
    team = threads.running() if len(tasks) > 1 and not _forked else 1
    _libraries().parallel(team_function, ctypes.addressof(data), team, 0)


_forked = False  # OpenMP's threads stay in the parent, and a team in the child would wait for them forever


def _note_fork() -> None:
    global _forked
    _forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)
