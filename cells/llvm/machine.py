"""Machine code for the kernels, with the matrix products and the threads that torch brings.

LLVM (llvmlite) compiles in the user's process, so no compiler is needed. `sgemm_` and `dgemm_` are those of torch's own
library, and the threads are torch's own OpenMP team: there is no second set of either. How many: cells/llvm/threads.py.
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
from cells.llvm.vector import DOUBLE, SINGLE
from cells.llvm.writer import INT, WORD, Writer


class Kernels(NamedTuple):
    """The addresses of both loops for a team of threads, and what must live as long as they do."""

    forward: int
    backward: int
    engine: object


class _Torch(NamedTuple):
    """What is used of the libraries in torch's folder."""

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
    products = ctypes.CDLL(str(folder / "libtorch_cpu.so"))
    threads = ctypes.CDLL(str(next(folder.glob("libgomp*"))))
    wanted = [
        *((products, name) for name in ("sgemm_", "dgemm_", "MKL_Set_Num_Threads_Local")),
        *((threads, name) for name in ("omp_get_thread_num", "omp_get_num_threads")),
    ]
    symbols = {name: ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0 for library, name in wanted}
    parallel = threads.GOMP_parallel
    parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
    parallel.restype = None
    return _Torch(symbols, parallel)


@functools.cache
def compiled(cell: kernels.Cell, dtype: torch.dtype) -> Kernels:
    """The kernels of a cell. To compile them takes about 0.2 s, too little to keep them in files."""
    module = ir.Module("lstm")
    kernels.write(module, SINGLE if dtype == torch.float32 else DOUBLE, cell)
    for name in ("forward", "backward"):
        _team(module, name)
    engine, kept = _machine_code(module)
    return Kernels(engine.get_function_address("forward_team"), engine.get_function_address("backward_team"), kept)


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
    """`name`_team(data): what each thread of a team does for data = [number of tasks, their addresses].

    Thread m of n takes the tasks m, m + n, ..., each with a BLAS of one thread.
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


def run(team_function: int, tasks: Sequence[ctypes.Array[ctypes.c_int64]]) -> None:
    """Run the tasks on `threads.running()` threads; a single one stays on the calling thread."""
    data = (ctypes.c_int64 * (len(tasks) + 1))(len(tasks), *[ctypes.addressof(task) for task in tasks])
    # The whole team even for fewer tasks: OpenMP would end the threads that it has no work for and start them again.
    team = threads.running() if len(tasks) > 1 and not _forked else 1
    _libraries().parallel(team_function, ctypes.addressof(data), team, 0)


_forked = False  # OpenMP's threads stay behind in the parent, and a team in the child would wait for them for ever


def _note_fork() -> None:
    global _forked
    _forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)
