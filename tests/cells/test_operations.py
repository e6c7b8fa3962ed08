"""Torch's elementwise functions in a user's module, read as formulas: torch's values and slopes, also at kinks."""

import pytest
import torch
from test_llvm import by_definition
from torch import Tensor, nn

from cells import LSTM
from cells.obstacle import Obstacle, ObstacleKind

pytestmark = pytest.mark.slow

F = "torch.nn.functional"
OPERATIONS = [
    f"{F}.leaky_relu(c)",
    f"{F}.leaky_relu(c, 0.3)",
    f"{F}.prelu(c, one)",
    f"{F}.prelu(c, each)",
    f"{F}.elu(c)",
    f"{F}.elu(c, 0.7)",
    f"{F}.selu(c)",
    f"{F}.celu(c)",
    f"{F}.celu(c, 0.5)",
    f"{F}.relu6(c)",
    f"{F}.relu6(3.0 * c)",
    f"{F}.hardtanh(c)",
    f"{F}.hardtanh(c, -0.7, 3.0)",
    f"{F}.hardsigmoid(c)",
    f"{F}.hardswish(c)",
    f"{F}.logsigmoid(c)",
    f"{F}.mish(c)",
    f"{F}.silu(c)",
    f"{F}.softsign(c)",
    f"{F}.tanhshrink(c)",
    f"{F}.gelu(c)",
    f"{F}.gelu(c, approximate='tanh')",
    "torch.clamp(c, -1.0, 1.0)",
    "torch.clamp(c, min=-3)",
    "c.clamp(max=0.7)",
    "c.clamp_min(0.0)",
    "c.clamp_max(6)",
    "torch.clamp(c, 2.0, 1.0)",
    "torch.maximum(c, h)",
    "torch.minimum(h, c)",
    "torch.max(c, o)",
    "torch.min(one * c, h)",
    "c ** 2",
    "c ** 3 - c ** 5 / (1 + c ** 4)",
    "torch.pow(c, 7) * 1e-3",
    "(1 + c * c) ** -1 + (1 + c.abs()) ** -2",
    "(0.1 + c * c) ** 0.5 + (1 + c.abs()) ** -0.5",
    "torch.rsqrt(c * c + 1) - torch.sqrt(c.abs() + 1)",
    "(c * c + 1).reciprocal()",
    "torch.log1p(c.abs())",
    "torch.log1p(0.99 * torch.tanh(c))",
    "torch.expm1(0.3 * c)",
    "torch.sinh(0.3 * c)",
    "torch.cosh(0.3 * c)",
    "torch.erf(c)",
    "torch.atan(c)",
    "torch.lerp(c, h, 0.3) + torch.lerp(c, h, o)",
    "torch.addcmul(c, h, o, value=-2.0) + torch.addcdiv(c, h, 1 + o)",
    "c * (torch.ones_like(o) - o) + torch.zeros_like(c) + torch.full_like(c, 0.5)",
    "c.to(h.dtype) * o.type_as(c) + h.to(c).contiguous() + c.to(torch.float64) + c.clone()",
    "c.mul(o).neg_().mul_(2).add_(c)",
    "c.clone().clamp_(-1.0, 1.0) + c",
    "c * row + h * one",
    f"{F}.softplus(c, 2.0)",
]
# Torch itself is inexact in the first two: its slope of hardsigmoid is 1 / 6 in single precision, its softplus(x) is x
# above 20. In the others, high powers of 20 at each of three steps amplify rounding.
TOLERANCES = {
    f"{F}.hardsigmoid(c)": 1e-7,
    f"{F}.softplus(c, 2.0)": 1e-8,
    "c ** 3 - c ** 5 / (1 + c ** 4)": 1e-8,
    "torch.pow(c, 7) * 1e-3": 1e-8,
}
KINKS = [0.0, 0.7, 1.0, 2.0, 3.0, 6.0]
VALUES = [*KINKS, *(-kink for kink in KINKS), 1e-3, -1e-3, 0.4, -1.6, 4.5, -20.0, 20.0]


class Applied(nn.Module):
    """current = code, where `one` is a single number, `each` has a number for each unit, and so has `row`, as a row."""

    def __init__(self, code: str) -> None:
        super().__init__()
        self.one = nn.Parameter(torch.tensor([0.3]))
        self.each = nn.Parameter(torch.linspace(-0.6, 0.4, len(VALUES)))
        self.row = nn.Parameter(torch.linspace(0.5, 1.5, len(VALUES)).unsqueeze(0))
        names = ", ".join(f"{name}: Tensor" for name in ("c", "h", "o", "one", "each", "row"))
        self.function = torch.jit.CompilationUnit(f"def function({names}):\n    return {code}\n").function

    def forward(self, c: Tensor, h: Tensor, o: Tensor) -> tuple[Tensor, Tensor]:
        return self.function(c, h, o, self.one, self.each, self.row), h


@pytest.mark.parametrize("code", OPERATIONS)
def test_the_formula_is_torchs(code: str) -> None:
    torch.manual_seed(0)
    module = LSTM(2, len(VALUES), alteration=Applied(code)).double()
    x = torch.randn(3, 2, 2, dtype=torch.float64, requires_grad=True)
    c = torch.tensor(VALUES, dtype=torch.float64).expand(1, 2, -1).clone().requires_grad_()
    states = (torch.zeros_like(c).requires_grad_(), c)
    assert module.path == "llvm"
    assert_equal(module, x, states, TOLERANCES.get(code, 1e-10))
    with torch.no_grad():  # gates that hand the initial c on exactly, so that the first step is at the kinks
        for name, parameter in module.named_parameters(recurse=False):
            parameter.zero_()
            if name.startswith("bias_ih"):
                i, f, _, _ = parameter.chunk(4)
                i.fill_(-1e5), f.fill_(1e5)
    assert_equal(module, x[:1].detach().requires_grad_(), states, TOLERANCES.get(code, 1e-10))


def assert_equal(module: LSTM, x: Tensor, states: tuple[Tensor, Tensor], tolerance: float) -> None:
    def results() -> list[Tensor]:
        output, (h, c) = module(x, states)
        loss = (output * torch.linspace(-1, 2, output.numel()).view_as(output)).sum() + (h + 2 * c).sum()
        wanted = [x, *states, *module.parameters()]
        return [output, h, c, *torch.autograd.grad(loss, wanted, materialize_grads=True)]

    for got, want in zip(results(), by_definition(results), strict=True):
        torch.testing.assert_close(got, want, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("c ** 2.5", "Applied uses aten::pow in a way that no formula does"),
        ("torch.clamp(c, min=h)", "Applied uses aten::clamp_min in a way that no formula does"),
        ("c * torch.ones_like(c, dtype=torch.float64)", "Applied uses aten::ones_like in a way that no formula does"),
        ("torch.where(c > 0, c, h)", "Applied uses aten::gt, which no formula has"),
        ("c * o.mul_(2)", "Applied changes what is not its own by aten::mul_"),
        ("c * o.contiguous().mul_(2)", "Applied changes what is not its own by aten::mul_"),
        ("c * each.mul_(2)", "Applied changes what is not its own by aten::mul_"),
        ("c / float('inf')", "Applied uses inf as a number"),
    ],
)
def test_any_other_code_is_no_formula(code: str, reason: str) -> None:
    module = LSTM(2, len(VALUES), alteration=Applied(code))
    assert module.obstacles == {"llvm": Obstacle(ObstacleKind.FORMULA, reason)}


def test_a_cast_is_a_formula_for_cells_of_that_dtype_only() -> None:
    module = LSTM(2, len(VALUES), alteration=Applied("c.float() * o"))
    assert module.path == "llvm"
    module.double()
    assert module.obstacles["llvm"] == (ObstacleKind.FORMULA, "Applied casts what it is given to another dtype")


class Limited(nn.Module):
    def __init__(self, limit: float) -> None:
        super().__init__()
        self.limit = limit

    def forward(self, c: Tensor, h: Tensor, o: Tensor) -> tuple[Tensor, Tensor]:
        return c * o + h / self.limit, h


def test_an_infinite_attribute_is_an_obstacle_and_no_crash() -> None:
    module, x = LSTM(3, 4, alteration=Limited(float("inf"))), torch.randn(5, 2, 3)
    assert module.obstacles["llvm"] == (ObstacleKind.FORMULA, "Limited uses inf as a number")
    assert module(x)[0].isfinite().all()
    module.recurrence.step.cell.module.limit = 2.0
    assert module.path == "llvm"
