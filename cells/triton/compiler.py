"""The printed kernels as functions that Triton compiles, or interprets."""

import functools
import linecache
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from cells.equations import CellEquations
from cells.triton import functions
from cells.triton.kernel_text import SIZES, Purpose, Text
from cells.triton.kernels import backward_text, forward_text
from cells.triton.step_kernels import backward_step_text, forward_step_text


class Kernel(NamedTuple):
    """A kernel, as `triton.jit` gives it, and the names of its tensors."""

    function: Any
    tensors: tuple[str, ...]

    def launch(
        self, grid: tuple[int, int, int], tensors: Mapping[str, Tensor], sizes: Mapping[str, int], **options: Any
    ) -> None:
        """Run it on the device of the tensors, of which it takes those that it names."""
        with torch.cuda.device_of(tensors["starts"]):
            self.function[grid](**{name: tensors[name] for name in self.tensors}, **sizes, **options)


@functools.cache
def forward_kernel(cell: CellEquations, purpose: Purpose, scaled: bool) -> Kernel:
    """See `forward_text`."""
    return _kernel("forward", forward_text(cell, purpose, scaled))


@functools.cache
def backward_kernel(cell: CellEquations, scaled: bool) -> Kernel:
    """See `backward_text`."""
    return _kernel("backward", backward_text(cell, scaled))


@functools.cache
def forward_step_kernel(cell: CellEquations, purpose: Purpose) -> Kernel:
    """See `forward_step_text`."""
    return _kernel("forward_step", forward_step_text(cell, purpose))


@functools.cache
def backward_step_kernel(cell: CellEquations) -> Kernel:
    """See `backward_step_text`."""
    return _kernel("backward_step", backward_step_text(cell))


def _kernel(name: str, text: Text) -> Kernel:
    """The kernel of a text.

    The text is printed from trees, so no word of a user is in it but the names that they declared.
    """
    file = f"<kernel {next(_numbers)}>"
    linecache.cache[file] = (len(text.code), None, text.code.splitlines(keepends=True), file)  # Triton reads the source
    made: dict[str, Any] = {"__name__": __name__, "tl": tl, **_FUNCTIONS}
    exec(compile(text.code, file, "exec"), made)
    return Kernel(triton.jit(made[name], do_not_specialize=("s", *SIZES)), text.tensors)


_FUNCTIONS = {name: value for name, value in vars(functions).items() if name not in ("triton", "tl") and name[0] != "_"}
_numbers = iter(range(1 << 62))
