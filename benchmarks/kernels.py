"""`python -m benchmarks kernels`: what the Triton kernels need of a card, compiled for several; no card is needed."""

import argparse
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import torch

from cells.cell_module import cell_module
from cells.errors import UserError
from cells.triton.kernel_text import SIZES, Purpose
from cells.triton.operands import Operands, shared_memory

CARDS = {80: ("A100", 163), 90: ("H100, H200", 227), 100: ("B200", 227)}
"""Compute capability: cards, and the KB of shared memory that a block may have there"""

PRODUCTS = (
    (64, Operands(torch.float32, "tf32")),
    (64, Operands(torch.float32, "tf32x3")),
    (64, Operands(torch.float16, "")),
    (96, Operands(torch.float16, "")),
    (128, Operands(torch.float16, "")),
)
STEPPED = 256
"""Units of a layer that fits into no block, which runs on `triton-steps`."""

OPTIONS = ("num_warps", "num_stages", "enable_fp_fusion")
"""Triton's own options among a kernel's constants."""

POINTERS = {torch.float32: "*fp32", torch.float16: "*fp16", torch.bfloat16: "*bf16"}


class Needs(NamedTuple):
    """The needs of a compiled kernel: bytes of shared memory, registers of a thread, and bytes that it spills."""

    shared: int
    registers: int
    spilled: int


def run(arguments: argparse.Namespace) -> None:
    """Compile the kernels and print a table; it is an error that one of them spills."""
    try:
        import triton  # noqa: F401
    except ImportError:
        raise UserError(
            'the kernels are compiled by Triton, which is missing here: pip install -e ".[triton]".'
        ) from None
    print("| cell | card | H | product | shared, KB | registers | spilled, bytes |\n|---|---|---|---|---|---|---|")
    spilling = []
    for cell in arguments.cells:
        for capability, (card, limit) in CARDS.items():
            begin = f"| {cell} | sm_{capability} ({card})"
            for hidden, product, found in _of_a_card(cell, capability):
                row = f"{begin} | {hidden} | {product} | {_row(found, limit)}"
                print(row, flush=True)
                if any(one.spilled for one in found):
                    spilling.append(row)
    if spilling:
        raise UserError(f"{len(spilling)} of these rows spill: the warps are chosen in cells/triton/resident.py.")


def _of_a_card(cell: str, capability: int) -> Iterator[tuple[int, str, list[Needs]]]:
    """H, the product, and the needs of the two kernels, for all kinds of layers."""
    for hidden, own in PRODUCTS:
        product = own.precision or str(own.dtype).removeprefix("torch.")
        yield hidden, product, list(needs(cell, capability, hidden, own))
    yield STEPPED, "torch's", list(needs_of_steps(cell, capability))


def _row(both: Iterable[Needs], limit: int) -> str:
    """The cells of a row for two kernels."""
    shared, registers, spilled = zip(*both, strict=True)
    kilobytes = " / ".join(str(-(-one >> 10)) for one in shared)
    return f"{kilobytes} of {limit} | {' / '.join(map(str, registers))} | {' / '.join(map(str, spilled))} |"


def needs(cell: str, capability: int, hidden: int, operands: Operands) -> Iterator[Needs]:
    """The needs of the forward and the backward kernel, for two directions."""
    from cells.triton.compiler import backward_kernel, forward_kernel
    from cells.triton.resident import options

    equations = cell_module(cell).known().equations
    kernels = (
        forward_kernel(equations, Purpose.GRADIENTS, operands.scaled(equations)),
        backward_kernel(equations, operands.scaled_backward),
    )
    for kernel, backward in zip(kernels, (False, True), strict=True):
        of_hidden = options(equations, hidden, 2, operands.precision, capability // 10, backward)
        found = _compiled(kernel.function, capability, of_hidden, operands.dtype)
        assert found.shared <= shared_memory(hidden, operands), "cells.triton.operands says that less is enough"
        yield found


def needs_of_steps(cell: str, capability: int) -> Iterator[Needs]:
    """The needs of the kernels of a single step, forward and backward, for two directions."""
    from cells.triton.compiler import backward_step_kernel, forward_step_kernel
    from cells.triton.stepped import options

    equations = cell_module(cell).known().equations
    for kernel in (forward_step_kernel(equations, Purpose.GRADIENTS), backward_step_kernel(equations)):
        yield _compiled(kernel.function, capability, options(STEPPED, 2), torch.float32)


def _compiled(function: Any, capability: int, constants: Mapping[str, Any], dtype: torch.dtype) -> Needs:
    """The needs of one kernel, with W_hh in this dtype."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.backends.nvidia.compiler import get_ptxas, sm_arch_from_capability

    own = {name: value for name, value in constants.items() if name in OPTIONS}
    constants = {name: value for name, value in constants.items() if name not in OPTIONS}
    pointers = {"starts": "*i32", "lengths": "*i32", **dict.fromkeys(("w", "wt"), POINTERS[dtype])}
    types = {name: pointers.get(name, "*fp32") for name in function.arg_names}
    types |= dict.fromkeys(types.keys() & {*SIZES, "s"}, "i32") | dict.fromkeys(constants, "constexpr")
    aligned = {
        (place,): [["tt.divisibility", 16]] for place, name in enumerate(function.arg_names) if types[name][0] == "*"
    }
    source = triton.compiler.ASTSource(fn=function, signature=types, constexprs=dict(constants), attrs=aligned)
    kernel = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=own)
    with tempfile.NamedTemporaryFile("w", suffix=".ptx") as file:
        file.write(kernel.asm["ptx"])
        file.flush()
        assembler = [get_ptxas(capability).path, "-v", f"--gpu-name={sm_arch_from_capability(capability)}"]
        done = subprocess.run([*assembler, file.name, "-o", "/dev/null"], capture_output=True, text=True, check=True)
    numbers = [re.search(pattern, done.stderr) for pattern in (r"Used (\d+) registers", r"(\d+) bytes spill stores")]
    registers, spilled = (int(number[1]) for number in numbers if number)
    return Needs(kernel.metadata.shared, registers, spilled)
