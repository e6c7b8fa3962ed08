"""TorchScript's derivatives are autograd's: at kinks, for equal arguments, and in front of a pole."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from cells import LSTM, LSTMCell, backend
from cells.torchscript import printer
from cells.torchscript.compiler import compiled

F = "torch.nn.functional"
CODES = [
    *(of.format(x="c", y="h") for of in printer.FUNCTIONS.values()),
    *(f"{F}.{name}(c)" for name in ("relu", "relu6", "leaky_relu", "hardswish", "hardsigmoid", "hardtanh", "elu")),
    *(f"{F}.{name}(c)" for name in ("softplus", "silu", "gelu", "logsigmoid", "selu", "mish", "softsign")),
    f"{F}.softplus(c, 2.0)",
    f"{F}.threshold(c, 0.5, 0.0)",
    "torch.clamp(c, 0.0, 1.0)",
    "torch.clamp(c, min=0.0)",
    "torch.clamp(c, max=-0.5)",
    "torch.clamp(c, 1.0, 0.5)",
    "torch.clamp(c, h, 2.0 + h)",
    "torch.clamp(c, max=h)",
    "c.clamp_min(0.0) + c.clamp_max(h)",
    "torch.max(c, h)",
    "torch.min(c, h) + 1.0",
    "torch.maximum(c, h)",
    "torch.max(c, c)",
    "torch.where(c > h, c, h)",
    "torch.where(c > 0.0, c, 0.0)",
    "c.masked_fill(c < 0.0, 0.0)",
    "torch.abs(c) + torch.pow(c, 2) + c**3 + c / (2.0 + h * h)",
    "torch.lerp(c, h, 0.3) + torch.addcmul(c, h, h)",
    "torch.relu(torch.cat([c, h], 1)).chunk(2, 1)[0]",
    "torch.softmax(c, -1) * torch.layer_norm(c, [c.size(-1)])",
]
NUMBERS = [0.0, 0.5, 1.0, 2.0, 3.0, 6.0, 1e-3, 0.4, 4.5, 20.0, 30.0]


def numbers(dtype: torch.dtype) -> list[Tensor]:
    """c and h: all pairs of the numbers, of both signs."""
    line = torch.tensor([*NUMBERS, *(-number for number in NUMBERS)], dtype=dtype)
    return [each.contiguous().requires_grad_() for each in torch.meshgrid(line, line, indexing="ij")]


class Applied(nn.Module):
    def __init__(self, code: str) -> None:
        super().__init__()
        self.function = torch.jit.CompilationUnit(f"def function(c: Tensor, h: Tensor):\n    return {code}\n").function

    def forward(self, c: Tensor, h: Tensor) -> Tensor:
        return self.function(c, h)


def gradients(function: Callable[[Tensor, Tensor], Tensor], dtype: torch.dtype, outer: bool) -> list[Tensor]:
    """Those by c and h of f(c, h), or of its square root."""
    c, h = numbers(dtype)
    value = function(c, h)
    found = torch.autograd.grad((value.sqrt() if outer else value).sum(), [c, h], materialize_grads=True)
    return [value.detach(), *found]


@pytest.mark.parametrize("code", CODES)
def test_derivatives_are_autograds_in_every_call(code: str) -> None:
    in_python = eval(f"lambda c, h: {code}")
    for dtype in (torch.float32, torch.float64):
        for outer in (False, True):
            want = gradients(in_python, dtype, outer)
            module = compiled(Applied(code))
            for _ in range(4):  # TorchScript uses its own derivatives from the second or third call on
                for one, other in zip(gradients(module, dtype, outer), want, strict=True):
                    torch.testing.assert_close(one, other, equal_nan=True)


class RootOf(nn.Module):
    """current = sqrt(code), which is 0 for c < 0."""

    def __init__(self, code: str) -> None:
        super().__init__()
        self.function = torch.jit.CompilationUnit(f"def function(c: Tensor):\n    return {code}\n").function

    def forward(self, c: Tensor, h: Tensor, o: Tensor) -> tuple[Tensor, Tensor]:
        return torch.sqrt(self.function(c)), h


ROOTS = ["sqrt(relu(c))", "sqrt(clamp(c, 0, 1))"]
MODULES = ["torch.relu(c)", "torch.where(c > 0, c, torch.zeros_like(c))"]


@pytest.mark.parametrize("alteration", [*ROOTS, *map(RootOf, MODULES)], ids=[*ROOTS, *MODULES])
@pytest.mark.parametrize(("dtype", "create_graph"), [(torch.float32, False), (torch.float64, True)])
def test_behind_a_mask_a_pole_has_no_gradient_in_any_form(
    alteration: object, dtype: torch.dtype, create_graph: bool
) -> None:
    torch.manual_seed(0)
    layer, projected = (LSTM(1, 8, alteration=alteration, dtype=dtype, proj_size=size) for size in (0, 3))
    cell = LSTMCell(1, 8, alteration=alteration, dtype=dtype)
    sequence = torch.full((3, 2, 1), -1.0, dtype=dtype, requires_grad=True)

    def check(module: nn.Module) -> None:
        x = sequence[0] if "Cell" in type(module).__name__ + getattr(module, "original_name", "") else sequence
        for _ in range(3):
            output, rest = module(x)
            loss = output.sum() + (rest if isinstance(rest, Tensor) else rest[1]).sum()
            by = [sequence, *module.parameters()]
            found = torch.autograd.grad(loss, by, create_graph=create_graph, materialize_grads=True)
            assert all(gradient.isfinite().all() for gradient in found)

    check(layer)
    for module in (layer, projected, cell):
        check(torch.jit.script(module))
        with backend("torchscript"):
            check(module)
