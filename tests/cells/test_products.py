"""Our matrix products against torch's, in every tail, on this processor and as on older ones."""

import ctypes
import functools
from collections.abc import Callable

import pytest
import torch
from processors import OLDER
from torch import Tensor

from cells.llvm import machine, products
from cells.llvm.vector import DOUBLE, SINGLE

DTYPES = {torch.float32: SINGLE, torch.float64: DOUBLE}


@functools.cache
def functions(target: str, dtype: torch.dtype) -> Callable[..., None]:
    """call(name, *arguments), tensors by their addresses."""
    precision = DTYPES[dtype]
    code = machine._products(precision, OLDER[target])

    def call(name: str, *arguments: Tensor | int) -> None:
        address = code.engine.get_function_address(products.symbol(name, precision))
        function = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * len(arguments))(address)
        function(*[given.data_ptr() if isinstance(given, Tensor) else int(given) for given in arguments])

    return call


def padded(columns: int) -> int:
    return -(-columns // 16) * 16


SIZES = [(1, 1, 1), (2, 3, 5), (6, 7, 64), (7, 5, 65), (13, 9, 100), (29, 20, 31), (64, 33, 256), (5, 17, 130)]


@pytest.mark.parametrize("target", OLDER)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("add", [False, True])
def test_products_are_torchs_and_touch_nothing_else(
    target: str, dtype: torch.dtype, sizes: tuple[int, int, int], add: bool
) -> None:
    (m, k, n), call = sizes, functions(target, dtype)
    torch.manual_seed(0)
    a, w, a2, w2 = (torch.randn(size, dtype=dtype) for size in ((m, k + 3), (n, k), (m, 4), (4, n)))
    c = torch.randn(m + 1, n + 2, dtype=dtype)
    before, factors = c.clone(), (a[:, :k], w.T, a2, w2)
    panels = [torch.full((rows * padded(n),), torch.nan, dtype=dtype) for rows in (k, 4)]
    call("pack_columns", w, panels[0], k, n)
    call("pack_rows", w2, panels[1], 4, n)
    call("multiply", a, k + 3, panels[0], k, a2, 4, panels[1], 4, c, n + 2, m, n, add)
    want = before.clone()
    want[:m, :n] = factors[0] @ factors[1] + factors[2] @ factors[3] + (before[:m, :n] if add else 0)
    assert_close(c, want, k)

    c = before.clone()
    at, b = torch.randn(k, m + 1, dtype=dtype), torch.randn(k, n + 1, dtype=dtype)
    call("multiply_transposed", at, m + 1, b, n + 1, k, c, n + 2, m, n, add)
    want[:m, :n] = at[:, :m].T @ b[:, :n] + (before[:m, :n] if add else 0)
    assert_close(c, want, k)

    c = torch.randn(n + 1, m + 2, dtype=dtype)
    want = c.clone()
    want[:n, :m] = before[:m, :n].T
    call("transpose", before, n + 2, c, m + 2, m, n)
    assert torch.equal(c, want)


def assert_close(got: Tensor, want: Tensor, k: int) -> None:
    rounding = torch.finfo(want.dtype).eps * (k + 6) * 4
    torch.testing.assert_close(got, want, rtol=rounding, atol=rounding)


@pytest.mark.parametrize(("target", "registers"), [("avx2", "zmm"), ("sse2", "ymm")])
def test_code_for_an_older_processor_uses_no_newer_registers(target: str, registers: str) -> None:
    if target not in OLDER:
        pytest.skip(f"this processor does not have {target}")
    generator = OLDER[target].machine()
    module = machine.products_module(SINGLE, OLDER[target])
    assert registers not in generator.emit_assembly(machine.optimised(module, generator, 0))


def test_without_a_first_product_the_second_is_alone() -> None:
    call = functions("host", torch.float32)
    a, w, c = torch.randn(9, 5), torch.randn(5, 40), torch.full((9, 40), torch.nan)
    panels = torch.empty(5 * padded(40))
    call("pack_rows", w, panels, 5, 40)
    call("multiply", 0, 0, 0, 0, a, 5, panels, 5, c, 40, 9, 40, 0)
    torch.testing.assert_close(c, a @ w)
