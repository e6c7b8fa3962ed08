"""Code for processors and systems that this machine does not have: compiled, and run where there is an emulator."""

import ctypes
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from object_file import undefined
from torch import Tensor

from cells import LSTM
from cells.llvm import machine, products
from cells.llvm.loops import SUMS, Loops
from cells.llvm.passes import Cell
from cells.llvm.plan import BoundTask, Place, cached_plan
from cells.llvm.target import Target, host
from cells.llvm.vector import DOUBLE, SINGLE, Precision
from cells.recurrence import known_cell

MAC = Target("arm64-apple-macosx13.0", "apple-m1", "")
ARM = Target("aarch64-unknown-linux-gnu", "generic", "")
WINDOWS = Target("x86_64-pc-windows-msvc", "x86-64", "+sse2")
TARGETS = {"arm64-apple-macos": MAC, "aarch64-linux": ARM, "x86_64-windows": WINDOWS}
EVERYTHING = (
    "i = sigmoid(a_i + p * c_prev); g = erf(a_g) + atan(expm1(a_g)) + log1p(square(a_g)) + sin(a_g) * cos(a_g); "
    "recurrent = m * tanh(h_prev); learn p = 0.1; noise z = 0.1; mask m = 0.8; current = z * c + log(1 + exp(c))"
)
SYSTEM = {
    "arm64-apple-macos": {"__sincosf_stret"},  # sin and cos at once, of the C library
    "aarch64-linux": {"sincosf"},
    "x86_64-windows": {"_fltused"},  # a number that nobody reads: `cells.llvm.machine` brings it
}
LIBM = {"erf", "atan", "expm1", "log1p", "sin", "cos"}


def cell_of(alteration: str, hidden: int, item: int) -> Cell:
    module = LSTM(1, hidden, alteration=alteration)
    return Cell.of(module.recurrence.step.cell.known().equations, hidden, item)


def objects(cell: Cell, precision: Precision, target: Target) -> list[bytes]:
    """The object files of the cell's kernels and of the products."""
    generator = target.machine()
    modules = ((machine.module_of(cell, precision, target), 2), (machine.products_module(precision, target), 0))
    return [generator.emit_object(machine.optimised(module, generator, level)) for module, level in modules]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("alteration", "precision"), [("C1", DOUBLE), (EVERYTHING, SINGLE)], ids=["C1", "everything"])
def test_object_code_needs_nothing_but_itself(target: str, alteration: str, precision: Precision) -> None:
    of_cell, of_products = objects(cell_of(alteration, 10, precision.size), precision, TARGETS[target])
    libm = {f"{name}f" for name in LIBM} if alteration == EVERYTHING else set()
    assert undefined(of_cell) - libm - SYSTEM[target] == set(products.symbols(precision))
    assert undefined(of_products) <= SYSTEM[target]


# run by an emulator

ARENA, SIZE = 0x40000000, 1 << 21  # the memory of the emulated program
COMMANDS = ("qemu-aarch64", "aarch64-linux-gnu-as", "aarch64-linux-gnu-ld")
PROGRAM = """
.global _start
_start:
    mov x0, #{arena}        // mmap(arena, size, read and write, private | anonymous | fixed, -1, 0)
    mov x1, #{size}
    mov x2, #3
    mov x3, #0x32
    mov x4, #-1
    mov x5, #0
    mov x8, #222
    svc #0
    mov x21, #0             // read all of it from stream 0 by system call 63
    mov x22, #63
    bl transfer
    mov x0, #{arena}        // its first words are the team's data
    bl {name}_team
    mov x21, #1             // write all of it to stream 1 by system call 64
    mov x22, #64
    bl transfer
    mov x0, #0              // exit(0)
    mov x8, #93
    svc #0
transfer:
    mov x19, #{arena}
    mov x20, #{size}
1:  mov x0, x21
    mov x1, x19
    mov x2, x20
    mov x8, x22
    svc #0
    add x19, x19, x0
    subs x20, x20, x0
    b.ne 1b
    ret
"""


class Emulated:
    """Runs tasks as a program for another processor, on copies of their memory."""

    def __init__(self, cell: Cell, precision: Precision, folder: Path) -> None:
        self.folder = folder
        for part, code in zip(("cell", "products"), objects(cell, precision, ARM), strict=True):
            (folder / f"{part}.o").write_bytes(code)
        _, assembler, linker = COMMANDS
        for name in ("forward", "backward"):
            source = PROGRAM.format(arena=ARENA, size=SIZE, name=name)
            subprocess.run([assembler, "-o", "program.o"], input=source, text=True, cwd=folder, check=True)
            subprocess.run([linker, "-o", name, "program.o", "cell.o", "products.o"], cwd=folder, check=True)

    def run(self, name: str, tasks: Sequence[BoundTask], tables: Sequence[object]) -> None:
        """Run the tasks; their tensors then hold what the program wrote."""
        given = [t for task in tasks for t in task.tensors.values() if t is not None]
        tensors = [t.tensor if isinstance(t, Place) else t for t in given]
        blocks = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}
        blocks |= {ctypes.addressof(table): ctypes.sizeof(table) for table in (*tables, *(t.words for t in tasks))}
        places, end = {}, 4096
        for address, size in blocks.items():
            places[address] = (size, end)
            end += -(-size // 64) * 64
        assert end + tasks[0].room <= SIZE

        def there(word: int) -> int:
            for address, (size, place) in places.items():
                if address <= word < address + size:
                    return ARENA + place + word - address
            return word

        memory = bytearray(SIZE)
        for address, (size, place) in places.items():
            memory[place : place + size] = ctypes.string_at(address, size)
        for task in tasks:
            place = places[ctypes.addressof(task.words)][1]
            moved = (ctypes.c_int64 * len(task.words))(*map(there, task.words))
            memory[place : place + ctypes.sizeof(moved)] = bytes(moved)
        data = [len(tasks), 0, 0, ARENA + end, tasks[0].room, *(there(ctypes.addressof(task.words)) for task in tasks)]
        memory[: 8 * len(data)] = bytes((ctypes.c_int64 * len(data))(*data))
        done = subprocess.run([COMMANDS[0], self.folder / name], input=memory, capture_output=True, check=True).stdout
        assert len(done) == SIZE
        words = {ctypes.addressof(task.words) for task in tasks}
        for address, (size, place) in places.items():
            if address not in words:
                ctypes.memmove(address, done[place : place + size], size)


@pytest.mark.skipif(not all(map(shutil.which, COMMANDS)), reason=f"needs {' and '.join(COMMANDS)}")
@pytest.mark.parametrize(("dtype", "precision"), [(torch.float32, SINGLE), (torch.float64, DOUBLE)])
def test_the_code_for_another_processor_computes_the_same(
    dtype: torch.dtype, precision: Precision, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    module = LSTM(5, 19, bidirectional=True, alteration="C4+H2", dtype=dtype)
    weights, sizes = module._weights(0), [9, 9, 7, 2, 1, 1]
    cell = Cell.of(known_cell(module.recurrence.step, weights).equations, 19, precision.size)
    plan = cached_plan(tuple(sizes), 2, 2, 64, 24)
    inputs = [torch.randn(size, dtype=dtype) for size in ((sum(sizes), 5), (2, 9, 19), (2, 9, 19))]
    flat = [None if w is None else w.detach().clone() for own in weights for w in own]
    kernels = machine.compiled(cell, dtype)
    tables = [table for task in plan.tasks for table in task.tables.values()]
    emulated = Emulated(cell, precision, tmp_path)

    def passes(run) -> list[Tensor]:
        generator = torch.Generator().manual_seed(1)
        loops = Loops(kernels, plan, True, *inputs, *flat)
        output, states = torch.zeros(sum(sizes), 38, dtype=dtype), torch.zeros(2, sum(sizes), 19, dtype=dtype)
        gates = torch.zeros(2, sum(sizes), 76, dtype=dtype)
        run("forward", loops.forward_tasks(output, gates.unbind(), states.unbind()))
        of_output, d_c, d_h = (torch.randn(t.shape, dtype=dtype, generator=generator) for t in (output, *inputs[1:]))
        d_rows = torch.zeros(2, sum(sizes), 5, dtype=dtype)
        wanted = loops.weights[0]._make([True] * len(loops.weights[0]))
        sums = [loops._sums(task, wanted) for task in plan.tasks]
        of = (output, gates.unbind(), states.unbind(), of_output, d_c, d_h, d_rows.unbind(), sums, True)
        run("backward", loops.backward_tasks(*of))
        return [
            output,
            states,
            d_c,
            d_h,
            d_rows,
            *(own[name] for own in sums for name in SUMS if own[name] is not None),
        ]

    def here(name: str, tasks: Sequence[BoundTask]) -> None:
        from cells.llvm import team

        team.run_tasks(getattr(kernels, name), tasks)

    wanted = passes(here)
    got = passes(lambda name, tasks: emulated.run(name, tasks, tables))
    assert host().triple != ARM.triple
    for one, other in zip(got, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=100 * torch.finfo(dtype).eps, atol=100 * torch.finfo(dtype).eps)
