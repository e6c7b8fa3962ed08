"""The matrix products of a layer one by one: ours beside those of torch's BLAS, in the time of one processor.

Both are called alike, through ctypes, on matrices that lie as in a layer. Ours reads W from panels, which a layer fills
once a call; that is not part of its time.
"""

import argparse
import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.measure import Time, interleaved, on_the_processor
from benchmarks.shapes import SHAPES, Shape
from cells.errors import UserError
from cells.llvm import machine
from cells.llvm.plan import chunk_rows

Call = Callable[[], object]


class Product(NamedTuple):
    """c = a b: which one, the sizes m, n and k, and how a and b are stored."""

    name: str
    m: int
    n: int
    k: int
    a_transposed: bool = False
    b_transposed: bool = False


def run(arguments: argparse.Namespace) -> None:
    """Print one table for each shape."""
    torch.set_num_threads(1)
    for shape in SHAPES:
        print(f"\n{shape}, 1 thread\n{'':<28}{'m, n, k':>16}{'BLAS, us':>12}{'ours, us':>12}{'ratio':>8}")
        for product in products(shape):
            times = measured(product, arguments.seconds)
            theirs, ours = (1000 * times[name].least for name in ("BLAS", "ours"))
            sizes = f"{product.m}, {product.n}, {product.k}"
            print(f"{product.name:<28}{sizes:>16}{theirs:12.1f}{ours:12.1f}{ours / theirs:8.2f}", flush=True)


def products(shape: Shape) -> list[Product]:
    """Those of a step, and those of a chunk of steps."""
    width, rows = 4 * shape.hidden, min(chunk_rows(shape.hidden, 4), shape.steps * shape.batch)
    return [
        Product("W_hh h", shape.batch, width, shape.hidden, b_transposed=True),
        Product("W_ih x", shape.batch, width, shape.inputs, b_transposed=True),
        Product("dh = W_hh' da", shape.batch, shape.hidden, width),
        Product("dx = W_ih' da", rows, shape.inputs, width),
        Product("dW_hh", shape.hidden, width, rows, a_transposed=True),
        Product("dW_ih", shape.inputs, width, rows, a_transposed=True),
    ]


def measured(product: Product, seconds: float) -> dict[str, Time]:
    """The processor's times of both in milliseconds; an error where they differ."""
    calls, results = {}, []
    for name, make in (("BLAS", _blas), ("ours", _ours)):
        generator = torch.Generator().manual_seed(0)
        a, b = (torch.randn(size, generator=generator) for size in ((product.m, product.k), (product.k, product.n)))
        c = torch.empty(product.m, product.n)
        calls[name] = make(product, a.T.contiguous() if product.a_transposed else a, b, c)
        calls[name]()
        results.append(c)
    torch.testing.assert_close(*results, rtol=1e-4, atol=1e-4)
    return interleaved(calls, seconds, elapsed=on_the_processor)


def _ours(product: Product, a: Tensor, b: Tensor, c: Tensor) -> Call:
    functions = machine.product_functions(torch.float32)
    _, m, n, k, *_ = product
    if product.a_transposed:
        name, held, given = "multiply_transposed", b, [a.data_ptr(), m, b.data_ptr(), n, k]
    else:
        held = torch.empty(k, n + 64)  # the panels
        functions["pack_rows"](b.data_ptr(), held.data_ptr(), k, n)
        name, given = "multiply", [a.data_ptr(), k, held.data_ptr(), k, 0, 0, 0, 0]
    given += [c.data_ptr(), n, m, n, 0]
    function, numbers = functions[name], tuple(map(ctypes.c_int64, given))
    return lambda: function(*numbers) or (a, held, c)


def _blas(product: Product, a: Tensor, b: Tensor, c: Tensor) -> Call:
    try:
        sgemm = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so")).sgemm_
    except (OSError, AttributeError):
        raise UserError("torch shows no BLAS here; run this where it comes with MKL, as on x86 Linux.") from None
    _, m, n, k, *_ = product
    if product.b_transposed:
        b = b.T.contiguous()
    # BLAS counts matrices column by column, so what it computes is c' = b' a', and takes every argument by address.
    flags = [ctypes.c_char(b"T" if flag else b"N") for flag in (product.b_transposed, product.a_transposed)]
    sizes = [
        ctypes.c_int(size) for size in (n, m, k, k if product.b_transposed else n, m if product.a_transposed else k)
    ]
    one, zero = ctypes.c_float(1), ctypes.c_float(0)
    n_, m_, k_, ldb, lda = map(ctypes.byref, sizes)
    of_a, of_b, of_c = (ctypes.c_void_p(t.data_ptr()) for t in (a, b, c))
    given = (
        *map(ctypes.byref, flags),
        n_,
        m_,
        k_,
        ctypes.byref(one),
        of_b,
        ldb,
        of_a,
        lda,
        ctypes.byref(zero),
        of_c,
        n_,
    )
    return lambda: sgemm(*given) and (a, b, c, sizes)
