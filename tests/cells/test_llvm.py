"""The backend llvm against the definition: every alteration, any cell, any batch, and its obstacles."""

import functools
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import torch
from conftest import PROJECT
from hypothesis import given, settings
from hypothesis import strategies as st
from processors import OLDER
from random_cells import cells, formulas
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn.utils.rnn import pack_padded_sequence
from torch.utils.checkpoint import checkpoint

from cells import LSTM, backend, backends, resolve
from cells.alterations import NAMED
from cells.cell_module import cell_module
from cells.eager.step_by_step import step_by_step
from cells.equations import GATES, CellEquations
from cells.language.functions import FUNCTIONS
from cells.llvm import machine
from cells.llvm.backend import LLVM
from cells.llvm.passes import Cell
from cells.llvm.team import OwnTeam, openmp
from cells.obstacle import Obstacle, ObstacleKind
from cells.packed import packed
from cells.recurrence import StackedUnroll, Step, Unroll, Weights
from cells.torchscript import backend as torchscript

BOTH = (
    "current = c * relu(o) - 0.3 * softplus(f) / (1 + square(g)); "
    "hidden = h * sigmoid(c) + 0.1 * log(1 + abs(c)) * sqrt(i)"
)
CELLS = [
    "o = sigmoid(a_o + p * c); learn p = 0",
    "i = sigmoid(a_i + p * h_prev); f = 1 - i; learn p = 0",
    "i = silu(a_i); g = gelu(a_g); f = sigmoid(a_f) * sigmoid(a_i)",  # backward needs pre-activations
    "c = max(f, 1 - i) * c_prev + i * g**3; h = o * clamp(c, -0.5, 0.5)",
    "current = z * c_prev + (1 - z) * c * m; hidden = h * n; noise z = 0.3; mask m = 0.6; mask n = 0.6",
    "C4; zoneout = 0.3; recurrent_dropout = 0.25",
    "recurrent = m * tanh(h_prev) + p; learn p = 0; mask m = 0.7",  # p has a gradient at step 0 too
    "hidden = h + q * h_prev; recurrent = p * sqrt(1 + square(h_prev)); learn p = 0; learn q = 0; zoneout = 0.1",
    "hidden = a_o; recurrent = 0.5",  # W_hh gets a gradient, h_prev none
]
ALTERATIONS = ["baseline", *NAMED, "C1+H2", "CIFG+C4+H2", BOTH, *CELLS]
States = tuple[Tensor, Tensor] | None


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    """Set torch's number of threads for the test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.fixture(params=["openmp", "own"])
def team(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the test on torch's OpenMP team, and as where there is none."""
    if request.param == "own":
        run = OwnTeam().run
        monkeypatch.setattr("cells.llvm.team._parallel", lambda: run)
    elif openmp() is None:
        pytest.skip("torch shows no OpenMP team here")


def by_definition(function: Callable[..., list[Tensor]], *arguments: object) -> list[Tensor]:
    """The function's result by the definition in Python, which saves its compilation."""
    with pytest.MonkeyPatch.context() as patch, backend("torchscript"):
        patch.setattr(torchscript, "runner", lambda recurrence: functools.partial(step_by_step, recurrence))
        return function(*arguments)


def everything(module: LSTM, x: Tensor, lengths: Tensor | None, states: States) -> list[Tensor]:
    """The results and the gradients of all weights and inputs by a weighting of the results."""
    torch.manual_seed(5)  # of the cell's noise
    output, (h, c) = module(x, states, lengths)
    generator = torch.Generator().manual_seed(3)
    loss = sum((torch.randn(r.shape, generator=generator).to(r) * r).sum() for r in (output, h, c))
    inputs = [tensor for tensor in (x, *(states or ()), *module.parameters()) if tensor.requires_grad]
    loss = loss + sum(0.0 * tensor.sum() for tensor in inputs)  # some cells' results depend on none of them
    return [output, h, c, *torch.autograd.grad(loss, inputs)]


def lstm(*sizes: int, alteration: object, **options: object) -> LSTM:
    """An LSTM whose learned coefficients are not what they are at first, which hides what they do."""
    module = LSTM(*sizes, alteration=alteration, **options)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if not name.startswith(("weight", "bias", "recurrence")):
                parameter.uniform_(-1, 1)
    return module


def batch(module: LSTM, steps: int, rows: int, with_states: bool = True) -> tuple[Tensor, States]:
    dtype = module.weight_ih_l0.dtype
    x = torch.randn(steps, rows, module.input_size, dtype=dtype, requires_grad=True)
    shape = (module.num_layers * (1 + module.bidirectional), rows, module.hidden_size)
    h, c = (torch.randn(shape, dtype=dtype, requires_grad=True) for _ in range(2))
    return x, (h, c) if with_states else None


def assert_equal_to_the_definition(
    module: LSTM, x: Tensor, lengths: Tensor | None, states: States, rtol: float = 1e-10, atol: float = 1e-10
) -> None:
    assert module.path == "llvm"
    expected = by_definition(everything, module, x, lengths, states)
    for got, want in zip(everything(module, x, lengths, states), expected, strict=True):
        torch.testing.assert_close(got, want, rtol=rtol, atol=atol)


RAGGED = torch.tensor([3, 7, 0, 1, 7, 5])


@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_results_and_gradients_are_those_of_the_definition(alteration: str) -> None:
    torch.manual_seed(0)
    for layers in (1, 2):
        for bidirectional in (False, True):
            module = lstm(3, 10, layers, bidirectional=bidirectional, alteration=alteration, dtype=torch.float64)
            for lengths in (None, RAGGED):
                for with_states in (False, True):
                    x, states = batch(module, 7, 6, with_states)
                    assert_equal_to_the_definition(module, x, lengths, states)


@pytest.mark.slow
@pytest.mark.parametrize("target", sorted(OLDER.keys() - {"host"}))
@pytest.mark.parametrize("alteration", ["C4", BOTH, CELLS[4], CELLS[6]])
def test_on_older_processors(alteration: str, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cells.llvm.machine.host", lambda: OLDER[target])
    torch.manual_seed(0)
    for hidden, inputs in ((10, 3), (33, 20)):
        module = lstm(inputs, hidden, bidirectional=True, alteration=alteration, dtype=torch.float64)
        for lengths in (None, RAGGED):
            x, states = batch(module, 7, 6)
            assert_equal_to_the_definition(module, x, lengths, states)


@pytest.mark.slow
@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_float32_differs_from_the_definition_by_rounding_only(alteration: str) -> None:
    torch.manual_seed(0)
    module = lstm(5, 16, 2, bidirectional=True, alteration=alteration)
    for lengths in (None, RAGGED):
        x, states = batch(module, 7, 6)
        assert_equal_to_the_definition(module, x, lengths, states, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("alteration", ["baseline", "C4", "H2", "C1+H2", "PEEPHOLES", BOTH, *CELLS])
def test_the_compiled_definition_agrees(alteration: str) -> None:
    """TorchScript uses its own derivatives from the third call on; in other tests the definition runs in Python."""
    torch.manual_seed(0)
    module = lstm(3, 10, 2, bidirectional=True, alteration=alteration, dtype=torch.float64)
    for lengths in (None, RAGGED):
        x, states = batch(module, 7, 6)
        got = everything(module, x, lengths, states)
        with backend("torchscript"):
            for _ in range(3):
                want = everything(module, x, lengths, states)
        for one, other in zip(got, want, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


# any formula and any shape

ALTERED_STATES = st.tuples(formulas([*"choifg"]), formulas([*"choifg"])).map(
    lambda t: f"current = tanh({t[0]}); hidden = h * sigmoid({t[1]})"  # bounded, so that nothing multiplies rounding
)


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(
    alteration=ALTERED_STATES | cells(),
    sizes=st.tuples(*[st.integers(1, n) for n in (5, 9, 3, 19)]),
    layers=st.integers(1, 2),
    bidirectional=st.booleans(),
    bias=st.booleans(),
    with_states=st.booleans(),
    data=st.data(),
)
def test_any_cell_on_any_shape(alteration, sizes, layers, bidirectional, bias, with_states, data) -> None:
    steps, rows, inputs, size = sizes
    torch.manual_seed(data.draw(st.integers(0, 99)))
    options = {"bias": bias, "bidirectional": bidirectional, "dtype": torch.float64}
    module = lstm(inputs, size, layers, alteration=alteration, **options).train(data.draw(st.booleans()))
    lengths = data.draw(st.none() | st.lists(st.integers(0, steps), min_size=rows, max_size=rows).map(torch.tensor))
    x, states = batch(module, steps, rows, with_states)
    if lengths is not None and not lengths.any():
        return  # without a step it is for torchscript
    assert_equal_to_the_definition(module, x, lengths, states, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (30, 1, 2, 33), (3, 40, 1, 8), (2, 300, 3, 16), (60, 5, 3, 7)])
@pytest.mark.parametrize("alteration", ["C4", f"{CELLS[5]}; o = sigmoid(a_o + p * c); learn p = 0"])
@pytest.mark.usefixtures("team")
def test_shapes_at_the_edges_of_slices_and_chunks(
    sizes: tuple[int, ...], alteration: str, threads: Callable[[int], None]
) -> None:
    steps, rows, inputs, size = sizes
    module = lstm(inputs, size, bidirectional=True, alteration=alteration, dtype=torch.float64)
    lengths = torch.randint(0, steps + 1, (rows,))
    lengths[0] = steps
    x, states = batch(module, steps, rows)
    for given_lengths in (None, lengths):
        expected = by_definition(everything, module, x, given_lengths, states)
        for count in (1, 2, 5, 16):
            threads(count)
            for got, want in zip(everything(module, x, given_lengths, states), expected, strict=True):
                torch.testing.assert_close(got, want, rtol=1e-10, atol=1e-10)


# poles, NaN and infinity


class InPython(nn.Module):
    """current = function(c, h, o), differentiated by autograd, which masks where TorchScript multiplies."""

    why_eager = "it is meant to run in Python"

    def __init__(self, function: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, gates: Tensor, c: Tensor, h: Tensor, *_: None) -> tuple[Tensor, Tensor]:
        i, f, g, o = gates.chunk(4, -1)
        i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
        c = f * c + i * g
        h = o * c.tanh()
        return self.function(c, h, o), h

    def recurrent(self, h: Tensor, *_: None) -> Tensor:
        return h


@pytest.mark.parametrize(
    ("formula", "function"),
    [
        ("sqrt(relu(c))", lambda c, h, o: c.relu().sqrt()),
        (
            "c + log(1 + relu(-c)) / sqrt(relu(c) + 0.1)",
            lambda c, h, o: c + (-c).relu().log1p() / (c.relu() + 0.1).sqrt(),
        ),
        ("c + sqrt(relu(c) * 2) * o", lambda c, h, o: c + (c.relu() * 2).sqrt() * o),
    ],
)
@pytest.mark.parametrize("x", [-1.0, 1.0])
def test_behind_a_relu_a_pole_has_no_gradient(formula: str, function: Callable[..., Tensor], x: float) -> None:
    module = LSTM(1, 8, alteration=formula, dtype=torch.float64)
    inputs = torch.full((3, 2, 1), x, dtype=torch.float64, requires_grad=True)
    got = everything(module, inputs, None, None)
    module.recurrence.step.cell = InPython(function)
    assert (module.path, module.loop) == ("torchscript", "eager")
    for one, other in zip(got, everything(module, inputs, None, None), strict=True):
        assert other.isfinite().all()
        torch.testing.assert_close(one, other)


def test_at_a_pole_a_zero_factor_counts() -> None:
    # With x = 0 and no bias c is 0, where autograd multiplies infinity by zero.
    module = LSTM(1, 3, bias=False, alteration="hidden = sqrt(c * c) + c", dtype=torch.float64)
    x = torch.zeros(1, 1, 1, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(module(x)[0].sum(), x)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("alteration", ["baseline", "C1", "H2"])
def test_nan_and_infinity_spread_as_by_definition(alteration: str, value: float) -> None:
    module = LSTM(3, 4, alteration=alteration)
    x = torch.randn(5, 2, 3)
    x[2, 0, 1] = value
    got, want = module(x)[0], by_definition(lambda: [module(x)[0]])[0]
    torch.testing.assert_close(got, want, equal_nan=True)
    assert got[:, 1].isfinite().all()
    if value != value:
        assert got[2:, 0].isnan().all()


@pytest.mark.slow
@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_functions_are_torchs_also_at_extreme_values(function: str, dtype: torch.dtype) -> None:
    """A forget gate of 1 and an input gate of 0 keep the initial c, so that the final c is the function of it."""
    values = [0.0, 1e-3, -1e-3, 0.7, -0.7, 3.0, -3.0, 19.0, -30.0, 200.0, -200.0, float("inf"), -float("inf")]
    arguments = ", ".join(["c", "0.7"][: len(FUNCTIONS[function].slopes)])
    module = LSTM(1, len(values) + 1, alteration=f"current = {function}({arguments})", dtype=dtype)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
        i, f, _, _ = module.bias_ih_l0.chunk(4)
        i.fill_(-1e5), f.fill_(1e5)
        c = torch.tensor([*values, float("nan")], dtype=dtype).view(1, 1, -1)
        x = torch.zeros(1, 1, 1, dtype=dtype)
        (want,) = by_definition(lambda: [module(x, (torch.zeros_like(c), c))[1][1]])
        got = module(x, (torch.zeros_like(c), c))[1][1]
    # where torch gives a denormal number, llvm may give 0
    torch.testing.assert_close(got, want, equal_nan=True, rtol=4e-7 if dtype == torch.float32 else 4e-16, atol=1e-37)


def test_a_final_state_that_nobody_uses_passes_no_gradient_on() -> None:
    """sqrt(c) is NaN after each row's last step, and the output is a number all the same."""
    module = LSTM(1, 1, alteration="current = sqrt(c)", dtype=torch.float64)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
        module.weight_ih_l0[2] = 1.0  # c = c / 2 + tanh(x) / 2
    x = torch.full((4, 3, 1), 0.1, dtype=torch.float64)
    lengths = torch.tensor([1, 4, 3])
    rows = torch.arange(3)
    x[lengths - 1, rows] = -3.0

    def gradients(x: Tensor, lengths: Tensor | None = None) -> list[Tensor]:
        output, (_, c) = module(x, lengths=lengths)
        assert c.isnan().all()
        return list(torch.autograd.grad(output.sum(), list(module.parameters())))

    alone = [by_definition(gradients, x[:length, row : row + 1]) for row, length in enumerate(lengths)]
    assert module.path == "llvm"
    for got, want in zip(gradients(x, lengths), map(sum, zip(*alone, strict=True)), strict=True):
        torch.testing.assert_close(got, want)
    for row, length in enumerate(lengths):
        for got, want in zip(gradients(x[:length, row : row + 1]), alone[row], strict=True):
            torch.testing.assert_close(got, want)


# what backward needs, and what is observed


KEPT = "i = silu(a_i); g = gelu(a_g)"


@pytest.mark.parametrize("gradients", [False, True])
@pytest.mark.parametrize("alteration", ["C1", KEPT])
def test_observed_gates_are_gates_whatever_backward_keeps(alteration: str, gradients: bool) -> None:
    module = lstm(3, 10, bidirectional=True, alteration=alteration, dtype=torch.float64)
    x, states = batch(module, 7, 6)

    def seen() -> list[Tensor]:
        with torch.set_grad_enabled(gradients), backends.observed() as seen:
            results = everything(module, x, RAGGED, states) if gradients else [module(x, states, RAGGED)[0]]
        return [*results, *(of_direction[name].detach() for of_direction in seen for name in "chifgo")]

    assert module.path == "llvm"
    for got, want in zip(seen(), by_definition(seen), strict=True):
        torch.testing.assert_close(got, want, rtol=1e-10, atol=1e-10)


def test_a_cell_keeps_pre_activations_where_backward_needs_them() -> None:
    ordinary, other = (Cell.of(resolve(alteration).cell, 10, 8) for alteration in ("PEEPHOLES", KEPT))
    assert (ordinary.kept, other.kept) == (GATES, ("a_i", "f", "a_g", "o"))
    assert ordinary.observed == ordinary
    assert other.observed.kept == GATES
    assert [cell.has_backward for cell in (ordinary, other, other.observed)] == [True, True, False]


# stacks


def stacked_weights(equations: CellEquations, sizes: dict[str, int]) -> Weights:
    """Weights [K, ..] of one direction, with noise and masks drawn."""
    k, inputs, h = sizes["models"], sizes["inputs"], sizes["units"]
    shapes = [(4 * h, inputs), (4 * h, h), (4 * h,), (4 * h,)]
    weights = [torch.randn(k, *shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    learned = torch.randn(k, len(equations.learned), h, dtype=torch.float64, requires_grad=True)
    noise = torch.rand(k, len(equations.noise), sizes["rows"], h, dtype=torch.float64).round()
    masks = torch.rand(k, len(equations.masks), sizes["batch"], h, dtype=torch.float64).round()
    return Weights(*weights, None, *(tensor if tensor.numel() else None for tensor in (learned, noise, masks)))


@pytest.mark.parametrize("alteration", ["PEEPHOLES", KEPT, *CELLS[4:7]])
def test_each_model_of_a_stack_gets_what_it_gets_alone(alteration: str) -> None:
    lengths = torch.tensor([[7, 3, 0, 5, 1], [0, 0, 0, 0, 0], [2, 2, 7, 7, 4]])
    layout, step = packed(lengths, 7), Step(cell_module(alteration))
    rows = layout.pick(torch.randn(3, 5, 7, 4, dtype=torch.float64)).requires_grad_()
    sizes = {"models": 3, "inputs": 4, "units": 6, "rows": rows.size(1), "batch": 5}
    weights = [stacked_weights(resolve(alteration).cell, sizes) for _ in range(2)]
    outputs = LLVM().stacked_layer(StackedUnroll(step), rows, layout, weights)
    leaves = [rows, *(weight for own in weights for weight in own if weight is not None and weight.requires_grad)]
    together = torch.autograd.grad(outputs.square().sum(), leaves)
    for k, running in enumerate(layout.sizes):
        if not running:
            assert not any(gradient[k].any() for gradient in together)
            continue
        own = [Weights._make(None if t is None else t[k] for t in of_direction) for of_direction in weights]
        own = [w._replace(noise=None if w.noise is None else w.noise[:, : sum(running)]) for w in own]
        states = torch.zeros(2, 5, 6, dtype=torch.float64)
        alone, _, _ = by_definition(
            functools.partial(step_by_step, Unroll(step)), rows[k, : sum(running)], running, states, states, own
        )
        torch.testing.assert_close(outputs[k, : sum(running)], alone, rtol=1e-10, atol=1e-10)
        for got, want in zip(together, torch.autograd.grad(alone.square().sum(), leaves), strict=True):
            torch.testing.assert_close(got[k], want[k], rtol=1e-9, atol=1e-9)


# gradients of some tensors and not of others


@pytest.mark.parametrize("frozen", ["weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight", "bias", "input", "all"])
def test_only_what_is_wanted_gets_a_gradient(frozen: str) -> None:
    module = LSTM(3, 4, 2, bidirectional=True, alteration="C4", dtype=torch.float64)
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(not name.startswith(frozen) and frozen != "all")
    x, states = batch(module, 5, 3)
    x.requires_grad_(frozen != "input")
    assert_equal_to_the_definition(module, x, None, states)


def test_two_biases_have_two_gradients() -> None:
    module = LSTM(3, 4)
    one, other = torch.autograd.grad(module(torch.randn(5, 2, 3))[0].sum(), [module.bias_ih_l0, module.bias_hh_l0])
    assert one.data_ptr() != other.data_ptr()


def test_without_gradients_nothing_is_kept() -> None:
    module, x = LSTM(3, 4, bidirectional=True, alteration="C1"), torch.randn(7, 6, 3)
    expected = module(x, lengths=RAGGED)
    assert expected[0].requires_grad
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            output, states = module(x, lengths=RAGGED)
        assert not output.requires_grad
        for got, want in zip((output, *states), (expected[0], *expected[1]), strict=True):
            assert torch.equal(got, want)
    module.requires_grad_(False)
    assert module(x)[0].grad_fn is None


def test_inputs_that_are_not_contiguous() -> None:
    module = LSTM(3, 4, batch_first=True, bidirectional=True, alteration="C1", dtype=torch.float64)
    with torch.no_grad():
        module.weight_hh_l0.set_(module.weight_hh_l0.t().contiguous().t())
    x = torch.randn(3, 3, 12, dtype=torch.float64).transpose(1, 2)[:, ::2].requires_grad_()
    states = tuple(torch.randn(4, 3, 2, dtype=torch.float64).permute(2, 1, 0).requires_grad_() for _ in range(2))
    assert_equal_to_the_definition(module, x, None, states)
    packed = pack_padded_sequence(x, torch.tensor([2, 6, 1]), batch_first=True, enforce_sorted=False)
    got, (want,) = module(packed)[0].data, by_definition(lambda: [module(packed)[0].data])
    torch.testing.assert_close(got, want)


# second derivatives, and other ways to ask for a derivative


def test_second_derivatives() -> None:
    module = LSTM(2, 3, bidirectional=True, alteration="C1", dtype=torch.float64)
    x = torch.randn(3, 2, 2, dtype=torch.float64, requires_grad=True)
    state = torch.randn(2, 2, 3, dtype=torch.float64, requires_grad=True)  # both h and c
    assert module.path == "llvm"
    assert torch.autograd.gradgradcheck(lambda x, state: module(x, (state, state))[0], [x, state], fast_mode=True)


def test_second_derivatives_by_learned_coefficients() -> None:
    module = lstm(2, 3, alteration="PEEPHOLES; zoneout = 0.2; recurrent_dropout = 0.3", dtype=torch.float64)
    x = torch.randn(3, 2, 2, dtype=torch.float64, requires_grad=True)
    learned = [parameter for name, parameter in module.named_parameters() if name.startswith("p_")]
    assert len(learned) == 3

    def output(x: Tensor, *learned: Tensor) -> Tensor:
        torch.manual_seed(0)
        return module(x)[0]

    assert module.path == "llvm"
    assert torch.autograd.gradgradcheck(output, [x, *learned], fast_mode=True)


@pytest.mark.parametrize("with_tensors", [False, True])
def test_a_batch_of_gradients_in_one_call(with_tensors: bool) -> None:
    module = LSTM(2, 3, alteration=Learned(3) if with_tensors else "C1")
    inputs = [torch.randn(3, 1, 2, requires_grad=True), *module.parameters()]
    assert module.path == "llvm"
    output = module(inputs[0])[0].flatten()
    directions = torch.eye(len(output))
    at_once = torch.autograd.grad(output, inputs, directions, is_grads_batched=True, retain_graph=True)
    assert not any(gradients.requires_grad for gradients in at_once)
    for k, direction in enumerate(directions):
        for got, want in zip(at_once, torch.autograd.grad(output, inputs, direction, retain_graph=True), strict=True):
            torch.testing.assert_close(got[k], want)


class Stop(torch.autograd.Function):
    """The identity, without a gradient."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> None:
        return None


@pytest.mark.parametrize("create_graph", [False, True])
def test_no_gradient_from_downstream_is_none_or_zero(create_graph: bool) -> None:
    module, x = LSTM(2, 3), torch.randn(3, 1, 2, requires_grad=True)
    total = Stop.apply(module(x)[0]).sum()
    (gradient,) = torch.autograd.grad(total, x, create_graph=create_graph, allow_unused=True)
    assert gradient is None or not gradient.any()


def test_transforms_and_forward_derivatives() -> None:
    module, x = LSTM(2, 3, alteration="C1"), torch.randn(3, 1, 2)

    def total(x: Tensor) -> Tensor:
        return module(x)[0].sum()

    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(total(leaf), leaf)
    torch.testing.assert_close(torch.func.grad(total)(x), gradient)
    torch.testing.assert_close(torch.func.jvp(total, (x,), (x,))[1], (gradient * x).sum())
    torch.testing.assert_close(torch.func.vmap(total)(torch.stack([x, 2 * x])), torch.stack([total(x), total(2 * x)]))
    with forward_ad.dual_level():
        tangent = forward_ad.unpack_dual(total(forward_ad.make_dual(x, x))).tangent
    torch.testing.assert_close(tangent, (gradient * x).sum())


def test_checkpointing() -> None:
    module, x = LSTM(2, 3, alteration="C1"), torch.randn(3, 1, 2, requires_grad=True)
    (expected,) = torch.autograd.grad(module(x)[0].sum(), x)
    checkpoint(lambda x: module(x)[0].sum(), x, use_reentrant=False).backward()
    assert torch.equal(x.grad, expected)


# modules


class Learned(nn.Module):
    """A module that does everything that can be read as formulas."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.5))
        self.shift = nn.Parameter(torch.linspace(-0.2, 0.2, units))
        self.act = nn.Sequential(nn.Sigmoid(), nn.Softplus())
        self.factor = 3.0
        self.half = 0.5

    def forward(self, c: Tensor, h: Tensor, o: Tensor) -> tuple[Tensor, Tensor]:
        c = c / 2 if self.training else 1 - c
        x = self.factor * self.half * c * self.scale + self.act(h) - o**2 + (c * c + 1).reciprocal()
        return self.shift - 0.1 * x, torch.tanh(h) * o * self.scale


class Mixing(nn.Module):
    def forward(self, c: Tensor, h: Tensor, o: Tensor) -> tuple[Tensor, Tensor]:
        return c * torch.softmax(h, -1), h


class Detaching(nn.Module):
    def forward(self, c: Tensor, h: Tensor, o: Tensor) -> tuple[Tensor, Tensor]:
        return c.detach() * o, h


class Growing(nn.Module):
    def forward(self, c: Tensor, h: Tensor, o: Tensor) -> tuple[Tensor, Tensor]:
        a = c * c + c
        b = a * a + a
        d = b * b + b
        e = d * d + d
        return e * e + e * e, h


class Shaped(nn.Module):
    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(shape))

    def forward(self, c: Tensor, h: Tensor, o: Tensor) -> tuple[Tensor, Tensor]:
        return c + self.shift, h


def test_an_elementwise_module_runs_on_llvm_with_its_parameters_gradients(threads: Callable[[int], None]) -> None:
    threads(4)
    module = LSTM(3, 10, 2, bidirectional=True, alteration=Learned(10), dtype=torch.float64).double()
    hook = module.recurrence.step.cell.module
    for rows in (3, 40):
        x, states = batch(module, 5, rows)
        for change in (module.train, module.eval, lambda: setattr(hook, "factor", 7.0)):
            change()
            assert_equal_to_the_definition(module, x, None, states)
    hook.shift.requires_grad_(False)
    assert_equal_to_the_definition(module, x, None, states)


@pytest.mark.parametrize(
    ("hook", "reason"),
    [
        (Mixing(), "Mixing uses aten::softmax, which no formula has"),
        (Detaching(), "Detaching uses aten::detach, which no formula has"),
        (Growing(), "Growing is longer than a formula may be"),
        (Shaped(2, 1), "Shaped has a tensor that is neither one number nor one for each unit"),
    ],
    ids=["mixing", "detaching", "growing", "shaped"],
)
def test_any_other_module_is_for_torchscript(hook: nn.Module, reason: str) -> None:
    module, x = LSTM(3, 4, alteration=hook), torch.randn(5, 2, 3)
    assert (module.path, module.loop) == ("torchscript", "compiled")
    assert module.obstacles == {"llvm": Obstacle(ObstacleKind.FORMULA, reason)}
    assert module(x)[0].isfinite().all()


def test_a_module_for_another_number_of_units_fails_as_the_definition() -> None:
    with pytest.raises(RuntimeError, match="size of tensor"):
        LSTM(3, 4, alteration=Shaped(5))(torch.randn(5, 2, 3))


def test_second_derivatives_by_a_modules_tensors() -> None:
    module = LSTM(2, 3, alteration=Learned(3)).double()
    hook = module.recurrence.step.cell.module
    x = torch.randn(3, 2, 2, dtype=torch.float64, requires_grad=True)

    def output(x: Tensor, *tensors: Tensor) -> Tensor:
        return module(x)[0]

    assert module.path == "llvm"
    assert torch.autograd.gradgradcheck(output, [x, hook.scale, hook.shift], fast_mode=True)


# obstacles


@pytest.fixture
def fresh_log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """The log, as if nothing had been logged before."""
    backends._warn_once.cache_clear()
    caplog.set_level(logging.WARNING, logger="cells")
    return caplog


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN:UserWarning")  # torch's
@pytest.mark.parametrize(
    ("module", "obstacle"),
    [
        (LSTM(3, 4, proj_size=2), Obstacle(ObstacleKind.CALL, "it has a projection")),
        (
            LSTM(3, 4, dtype=torch.bfloat16),
            Obstacle(ObstacleKind.CALL, "it is in torch.bfloat16, not entirely in float32 or float64"),
        ),
        (
            LSTM(3, 4, alteration=Mixing()),
            Obstacle(ObstacleKind.FORMULA, "Mixing uses aten::softmax, which no formula has"),
        ),
        (
            LSTM(3, 4, alteration="o = sigmoid(layer_norm(a_o))"),
            Obstacle(ObstacleKind.FORMULA, "layer_norm(...) is over all units, and the compiled loops are elementwise"),
        ),
        (LSTM(3, 4, device="meta"), Obstacle(ObstacleKind.CALL, "its tensors are not all plain ones on the CPU")),
    ],
    ids=["projection", "bfloat16", "module", "reduction", "device"],
)
def test_an_obstacle_is_told_and_logged_once(
    module: LSTM, obstacle: Obstacle, fresh_log: pytest.LogCaptureFixture
) -> None:
    assert module.path == "torchscript"
    assert module.obstacles == {"llvm": obstacle}
    for _ in range(2):
        module(torch.randn(5, 2, 3).to(module.weight_ih_l0))
    assert fresh_log.messages == [f"An LSTM runs on torchscript (compiled loop) and not on llvm: {obstacle.reason}"]


def test_a_batch_without_steps_logs_nothing(fresh_log: pytest.LogCaptureFixture) -> None:
    module = LSTM(3, 4)
    module(torch.randn(5, 2, 3), lengths=torch.zeros(2, dtype=torch.int64))
    assert module.path == "llvm"
    assert not fresh_log.messages


def test_autocast_is_for_torchscript() -> None:
    module, x = LSTM(3, 4, alteration="C1"), torch.randn(5, 2, 3)
    with torch.autocast("cpu", torch.bfloat16):
        assert module.obstacles == {"llvm": Obstacle(ObstacleKind.CALL, "autocast is on")}
        output = module(x)[0]
    torch.testing.assert_close(output.float(), module(x)[0], rtol=0.05, atol=0.05)
    output.float().sum().backward()
    assert module.weight_hh_l0.grad is not None


def test_states_of_another_dtype_are_refused_as_by_the_definition() -> None:
    states = (torch.zeros(1, 2, 4, dtype=torch.float64),) * 2
    with pytest.raises(RuntimeError, match="dtype"):
        LSTM(3, 4)(torch.randn(5, 2, 3), states)


@pytest.mark.processes
def test_a_machine_without_llvmlite() -> None:
    """Runs in a process of its own, which cannot find llvmlite."""
    show = "from cells import LSTM; lstm = LSTM(3, 4); print(lstm.path, *lstm.obstacles['llvm'])"
    code = f"import sys, torch; sys.modules['llvmlite'] = None; {show}; lstm(torch.ones(5, 2, 3))"
    run = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    reason = "llvmlite cannot be imported"
    assert run.stdout.startswith(f"torchscript ObstacleKind.MACHINE {reason}")
    assert f"An LSTM runs on torchscript (compiled loop) and not on llvm: {reason}" in run.stderr


# threads and processes


@pytest.mark.usefixtures("team")
def test_the_number_of_threads_is_left_as_it_is(threads: Callable[[int], None]) -> None:
    module, x = LSTM(3, 8, bidirectional=True), torch.randn(5, 64, 3)
    results = []
    for count in (1, 2, 3):
        threads(count)
        results.append(everything(module, x, None, None))
        assert torch.get_num_threads() == count
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            torch.testing.assert_close(one, two)


@pytest.mark.usefixtures("team")
def test_several_python_threads_at_once(threads: Callable[[int], None]) -> None:
    threads(2)
    modules = [LSTM(64, 64, bidirectional=True, alteration=name) for name in ("C1", "H2", "C4")]
    x = torch.randn(60, 40, 64)  # large enough for the workspace
    expected = [everything(module, x, None, None) for module in modules]
    wrong = []

    def work(module: LSTM, want: list[Tensor]) -> None:
        for _ in range(5):
            got = everything(module, x, None, None)
            wrong.extend(one for one, other in zip(got, want, strict=True) if not torch.equal(one, other))

    workers = [threading.Thread(target=work, args=pair) for pair in zip(modules, expected, strict=True)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


@pytest.mark.processes
@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.usefixtures("team")
def test_a_forked_process_works_after_its_parent_used_threads(threads: Callable[[int], None]) -> None:
    threads(2)
    module, x = LSTM(64, 64, bidirectional=True, alteration="C1"), torch.randn(60, 40, 64)
    expected = everything(module, x, None, None)
    with torch.no_grad():
        of_parent = module(x[:, :1])[0]
    child = os.fork()
    if child == 0:
        torch.set_num_threads(2)
        with torch.no_grad():  # torch's own operations would wait for their threads forever
            same = torch.equal(module(x[:, :1])[0], of_parent)
        os._exit(0 if same else 1)
    assert os.waitpid(child, 0)[1] == 0
    for one, two in zip(everything(module, x, None, None), expected, strict=True):
        torch.testing.assert_close(one, two)


def test_code_is_loaded_by_one_thread_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    load, together = machine.load, threading.Barrier(4)

    def slow_load(*arguments: object, **more: object) -> machine.Code:
        loading.append(threading.get_ident())
        time.sleep(0.05)  # long enough for the others to come in, if they could
        assert len(loading) == 1
        code = load(*arguments, **more)  # type: ignore[arg-type]
        loading.pop()
        return code

    def first_call() -> None:
        together.wait()
        seen.append(machine.compiled(cell, torch.float32))

    loading: list[int] = []
    seen: list[machine.Kernels] = []
    monkeypatch.setattr(machine, "load", slow_load)
    cell = Cell.of(resolve("c * 0.0625 + 0.03125").cell, 10, 4)
    threads = [threading.Thread(target=first_call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 4
    assert len({id(kernels) for kernels in seen}) == 1
