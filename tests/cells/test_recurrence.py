"""The cell's equations and their 17 alterations against NumPy, written from the paper."""

import gc
import logging
import math
import weakref
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cells import CURRENT, HIDDEN, LSTM, Alteration, LSTMCell
from cells.obstacle import ObstacleKind

TABLE_1 = [*CURRENT, *HIDDEN]
Array = np.ndarray
Equation = Callable[[Array, Array, Array], Array]


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


# Table 1 once more, as the paper prints it: the oracle must not come from the code it checks.
PAPER_CURRENT: dict[str, Equation] = {
    "C1": lambda c, h, o: c * o,
    "C2": lambda c, h, o: c * h,
    "C3": lambda c, h, o: c * o * h,
    "C4": lambda c, h, o: c + c * h,
    "C5": lambda c, h, o: c * sigmoid(o),
    "C6": lambda c, h, o: c * sigmoid(c),
    "C7": lambda c, h, o: c * sigmoid(h),
    "C8": lambda c, h, o: h * sigmoid(c),
    "C9": lambda c, h, o: c * np.tanh(o),
    "C10": lambda c, h, o: c * np.tanh(c),
    "C11": lambda c, h, o: c * np.tanh(h),
    "C12": lambda c, h, o: h * np.tanh(c),
}
PAPER_HIDDEN: dict[str, Equation] = {
    "H1": lambda c, h, o: c * h,
    "H2": lambda c, h, o: h * sigmoid(c),
    "H3": lambda c, h, o: c * sigmoid(h),
    "H4": lambda c, h, o: h * np.tanh(c),
    "H5": lambda c, h, o: c * np.tanh(h),
}


def unaltered_c(c: Array, h: Array, o: Array) -> Array:
    return c


def unaltered_h(c: Array, h: Array, o: Array) -> Array:
    return h


def paper_lstm(
    lstm: nn.Module, x: Array, h: Array, c: Array, current: Equation, hidden: Equation
) -> tuple[Array, Array, Array]:
    """Equations 1 to 7, step by step: x [T, B, I], h and c [B, H] -> outputs [T, B, H], h, c."""
    w = {name: value.detach().numpy() for name, value in lstm.named_parameters()}
    outputs = []
    for x_t in x:
        z = x_t @ w["weight_ih_l0"].T + w["bias_ih_l0"] + h @ w["weight_hh_l0"].T + w["bias_hh_l0"]
        z_i, z_f, z_g, z_o = np.split(z, 4, axis=1)
        f_t = sigmoid(z_f)  # equation 1
        i_t = sigmoid(z_i)  # equation 2
        o_t = sigmoid(z_o)  # equation 3
        g_t = np.tanh(z_g)  # equation 4
        c_t = f_t * c + i_t * g_t  # equation 5
        h_t = o_t * np.tanh(c_t)  # equation 6
        c, h = current(c_t, h_t, o_t), hidden(c_t, h_t, o_t)  # equation 7
        outputs.append(h)
    return np.stack(outputs), h, c


def altered(alteration: object, **arguments: object) -> LSTM:
    """An LSTM(3, 4) in float64 whose weights are the same for every alteration."""
    torch.manual_seed(0)
    return LSTM(3, 4, dtype=torch.float64, alteration=alteration, **arguments)


def run(lstm: nn.Module, steps: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    """output, h_n, c_n for a random batch and initial states that are the same in every call."""
    torch.manual_seed(1)
    x, h, c = torch.randn(steps, 2, 3), torch.randn(1, 2, 4), torch.randn(1, 2, 4)
    output, (h_n, c_n) = lstm(x.double(), (h.double(), c.double()))
    return output.detach(), h_n.detach(), c_n.detach()


def test_the_oracle_has_all_of_the_papers_alterations() -> None:
    assert list(PAPER_CURRENT) == [name for name in CURRENT if name in PAPER_CURRENT]
    assert list(PAPER_HIDDEN) == [name for name in HIDDEN if name in PAPER_HIDDEN]
    assert len(PAPER_CURRENT) == 12
    assert len(PAPER_HIDDEN) == 5


@pytest.mark.parametrize("name", ["baseline", *PAPER_CURRENT, *PAPER_HIDDEN, "C1+H2", "C12+H5"])
def test_every_alteration_is_the_papers(name: str) -> None:
    lstm = altered(name)
    names = name.split("+")
    current = next((PAPER_CURRENT[n] for n in names if n in PAPER_CURRENT), unaltered_c)
    hidden = next((PAPER_HIDDEN[n] for n in names if n in PAPER_HIDDEN), unaltered_h)
    rng = np.random.default_rng(2)
    x, h, c = rng.normal(size=(6, 2, 3)), rng.normal(size=(2, 4)), rng.normal(size=(2, 4))
    expected = paper_lstm(lstm, x, h, c, current, hidden)
    output, (h_n, c_n) = lstm(torch.tensor(x), (torch.tensor(h)[None], torch.tensor(c)[None]))
    for got, want in zip((output, h_n[0], c_n[0]), expected, strict=True):
        np.testing.assert_allclose(got.detach().numpy(), want, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", CURRENT)
def test_a_current_state_alteration_leaves_this_steps_output_untouched(name: str) -> None:
    output, h_n, c_n = run(altered(name), steps=1)
    plain_output, plain_h_n, plain_c_n = run(altered("baseline"), steps=1)
    assert torch.equal(output, plain_output)
    assert torch.equal(h_n, plain_h_n)
    assert not torch.allclose(c_n, plain_c_n)
    assert not torch.allclose(run(altered(name), steps=2)[0][1], run(altered("baseline"), steps=2)[0][1])


@pytest.mark.parametrize("name", HIDDEN)
def test_a_hidden_state_alteration_changes_this_steps_output_and_not_c(name: str) -> None:
    output, h_n, c_n = run(altered(name), steps=1)
    plain_output, _, plain_c_n = run(altered("baseline"), steps=1)
    assert not torch.allclose(output, plain_output)
    assert torch.equal(h_n, output)
    assert torch.equal(c_n, plain_c_n)


def test_both_formulas_read_the_unaltered_states() -> None:
    _, h_n, c_n = run(altered("current = h; hidden = c"), steps=1)
    _, plain_h_n, plain_c_n = run(altered("baseline"), steps=1)
    assert torch.equal(c_n, plain_h_n)
    assert torch.equal(h_n, plain_c_n)


def test_the_gates_can_be_used() -> None:
    _, h_n, c_n = run(altered("current = f * i; hidden = g - o"), steps=1)
    lstm = altered("baseline")
    torch.manual_seed(1)
    x, h = torch.randn(1, 2, 3).double(), torch.randn(1, 2, 4).double()
    z = x @ lstm.weight_ih_l0.T + lstm.bias_ih_l0 + h @ lstm.weight_hh_l0.T + lstm.bias_hh_l0
    i, f, g, o = z.detach().chunk(4, 2)
    torch.testing.assert_close(c_n, f.sigmoid() * i.sigmoid())
    torch.testing.assert_close(h_n, g.tanh() - o.sigmoid())


@pytest.mark.parametrize("neutral", ["current = c", "hidden = h", "current = 1 * c; hidden = h + 0"])
def test_a_neutral_alteration_is_the_baseline(neutral: str) -> None:
    assert all(torch.equal(a, b) for a, b in zip(run(altered(neutral)), run(altered("baseline")), strict=True))


def test_a_constant_formula() -> None:
    output, h_n, c_n = run(altered("current = 0; hidden = 0.5"))
    assert torch.all(output == 0.5)
    assert torch.all(h_n == 0.5)
    assert torch.all(c_n == 0)


def test_second_derivatives() -> None:
    lstm = altered("C1")
    x = torch.randn(2, 1, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: lstm(x)[0], [x])


class LearnedC1(nn.Module):
    """C1 with a learned factor; TorchScript can compile it."""

    def __init__(self, factor: float = 1.0) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor, dtype=torch.float64))

    def forward(self, c: Tensor, h: Tensor, o: Tensor) -> tuple[Tensor, Tensor]:
        return self.factor * c * o, h


class PythonC1(LearnedC1):
    """The same, with something TorchScript cannot compile."""

    def forward(self, c: Tensor, h: Tensor, o: Tensor) -> tuple[Tensor, Tensor]:
        return product(self.factor, c, o), h


def product(*tensors: Tensor) -> Tensor:
    return math.prod(tensors[1:], start=tensors[0])


def test_a_module_does_what_its_formula_does() -> None:
    lstm = altered(LearnedC1())
    assert lstm.path == altered("C1").path == "llvm"
    assert all(torch.equal(a, b) for a, b in zip(run(lstm), run(altered("C1")), strict=True))


def test_a_module_torchscript_cannot_compile_runs_in_python_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, logger="cells"):
        lstm = altered(PythonC1())
        expected, got = run(altered("C1")), run(lstm)
        run(lstm)
    assert (lstm.path, lstm.loop) == ("torchscript", "eager")
    kind, reason = lstm.obstacles["llvm"]
    assert kind is ObstacleKind.FORMULA
    assert reason.startswith("TorchScript cannot compile PythonC1 (Compiled functions can't take variable number")
    assert caplog.messages == [f"{reason}, so the loop over time runs in Python"]
    for one, other in zip(expected, got, strict=True):
        torch.testing.assert_close(one, other)
    assert altered(PythonC1()).obstacles == lstm.obstacles


@pytest.mark.parametrize("module", [LearnedC1, PythonC1])
@pytest.mark.parametrize("cell", [LSTM, LSTMCell])
def test_a_modules_parameters_learn(cell: type[nn.Module], module: type[LearnedC1]) -> None:
    hook = module(0.5)
    lstm = cell(3, 4, dtype=torch.float64, alteration=hook)
    assert any(parameter is hook.factor for parameter in lstm.parameters())
    x = torch.randn(2, 3, dtype=torch.float64)
    lstm(x)[1][-1].sum().backward()
    assert hook.factor.grad is not None
    before = lstm(x)[1][-1].detach()
    with torch.no_grad():
        hook.factor += 1
    assert not torch.allclose(lstm(x)[1][-1], before)


@pytest.mark.parametrize("module", [LearnedC1, PythonC1])
def test_reset_parameters_leaves_a_modules_parameters(module: type[LearnedC1]) -> None:
    hook = module(7.0)
    lstm = altered(hook)
    before = lstm.weight_ih_l0.clone()
    lstm.reset_parameters()
    assert hook.factor == 7
    assert not torch.equal(lstm.weight_ih_l0, before)


class Switch(nn.Module):
    """Halves c while training."""

    def forward(self, c: Tensor, h: Tensor, o: Tensor) -> tuple[Tensor, Tensor]:
        return c / 2 if self.training else c, h


def test_a_modules_training_mode_follows_the_lstms() -> None:
    lstm = altered(Switch())
    halved, plain = run(altered("current = c / 2")), run(altered("baseline"))
    assert all(torch.equal(a, b) for a, b in zip(run(lstm), halved, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(run(lstm.eval()), plain, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(run(lstm.train()), halved, strict=True))


class Narrow(nn.Module):
    def forward(self, c: Tensor, h: Tensor, o: Tensor) -> tuple[Tensor, Tensor]:
        return c[:, :1], h


def test_a_module_that_changes_the_shape_is_refused() -> None:
    with pytest.raises(Exception, match="an alteration must return c and h in the shape it got them"):
        run(altered(Narrow()))


@pytest.mark.parametrize("alteration", ["C1", Alteration("c * relu(o)"), LearnedC1()])
@pytest.mark.parametrize("cell", [LSTM, LSTMCell])
def test_inference_mode_works_after_training(cell: type[nn.Module], alteration: object) -> None:
    lstm = cell(3, 4, dtype=torch.float64, alteration=alteration)
    x = torch.randn(2, 3, dtype=torch.float64)
    for _ in range(3):  # the compiler specialises on its first calls
        expected = lstm(x)[0]
        expected.sum().backward()
    with torch.inference_mode():
        for _ in range(3):
            assert torch.equal(lstm(x * 1)[0], expected)
    lstm(x)[0].sum().backward()


@pytest.mark.parametrize("alteration", ["C1", LearnedC1, PythonC1])
def test_a_discarded_module_is_not_kept_in_memory(alteration: object) -> None:
    lstm = altered(alteration() if isinstance(alteration, type) else alteration)
    run(lstm)
    kept = [weakref.ref(module) for module in (lstm, lstm.recurrence, lstm.recurrence.step)]
    del lstm
    gc.collect()
    assert [reference() for reference in kept] == [None] * 3
