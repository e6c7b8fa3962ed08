"""Cells of every kind against a loop in NumPy that reads their equations for itself, and their gradients."""

import json

import numpy as np
import pytest
import torch
from conftest import PROJECT
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy_cell import FUNCTIONS, PAPER, Drawn, NumpyCell, numpy_lstm
from random_cells import cells
from torch import Tensor
from torch.func import functional_call

from cells import CURRENT, HIDDEN, LSTM, Alteration, backend
from cells.alterations import VARIANTS, Spec
from cells.equations import EQUATIONS
from cells.language.functions import KNOWN

PEEPHOLES = {
    "i": "sigmoid(a_i + p_i * c_prev)",
    "f": "sigmoid(a_f + p_f * c_prev)",
    "o": "sigmoid(a_o + p_o * c)",
}

# The variants once more, as Greff et al. list them: the oracle must not come from the table that it checks.
OF_GREFF = {
    "NIG": NumpyCell({"i": "1"}),
    "NFG": NumpyCell({"f": "1"}),
    "NOG": NumpyCell({"o": "1"}),
    "NIAF": NumpyCell({"g": "a_g"}),
    "NOAF": NumpyCell({"h": "o * c"}),
    "CIFG": NumpyCell({"f": "1 - sigmoid(a_i)"}),
    "PEEPHOLES": NumpyCell(PEEPHOLES, ["p_i", "p_f", "p_o"]),
}

OWN = {
    "o = sigmoid(a_o + 0.3 * c); f = 1 - i; h = o * c": NumpyCell(
        {"o": "sigmoid(a_o + 0.3 * c)", "f": "1 - i", "h": "o * c"}
    ),
    "c = f * c_prev + (1 - f) * g; o = max(f, i) - min(g, 0.1)": NumpyCell(
        {"c": "f * c_prev + (1 - f) * g", "o": "max(f, i) - min(g, 0.1)"}
    ),
    "g = clamp(a_g, -0.4, 0.5); f = hardtanh(a_f, 0, 1); h = o * leaky_relu(c)": NumpyCell(
        {"g": "clamp(a_g, -0.4, 0.5)", "f": "hardtanh(a_f, 0, 1)", "h": "o * leaky_relu(c)"}
    ),
    "current = 0.5 * c + 0.5 * c_prev; hidden = h - 0.1 * h_prev ** 2": NumpyCell(
        {"current": "0.5 * c + 0.5 * c_prev", "hidden": "h - 0.1 * h_prev ** 2"}
    ),
    "C1+CIFG; o = sigmoid(a_o + p * c); learn p = 0.4": NumpyCell(
        {"current": "c * o", "f": "1 - i", "o": "sigmoid(a_o + p * c)"}, ["p"]
    ),
    "g = elu(a_g * q); o = gelu(a_o + p); learn p = 1; learn q = 0.5": NumpyCell(
        {"g": "elu(a_g * q)", "o": "gelu(a_o + p)"}, ["p", "q"]
    ),
    "recurrent = r * tanh(h_prev); learn r = 1.2": NumpyCell({"recurrent": "r * tanh(h_prev)"}, ["r"]),
    "H2; zoneout = 0.3": NumpyCell(
        {
            "current": "keep_c * c_prev + (1 - keep_c) * c",
            "hidden": "keep_h * h_prev + (1 - keep_h) * (h * sigmoid(c))",
        },
        noise={"keep_c": 0.3, "keep_h": 0.3},
    ),
    "recurrent_dropout = 0.4": NumpyCell({"recurrent": "shown * h_prev / 0.6"}, masks={"shown": 0.6}),
    "current = z * c + (1 - z) * g * m; recurrent = m * h_prev; noise z = 0.7; mask m = 0.6": NumpyCell(
        {"current": "z * c + (1 - z) * g * m", "recurrent": "m * h_prev"}, noise={"z": 0.7}, masks={"m": 0.6}
    ),
    "o = sigmoid(a_o + p * c); learn p = 0.2; zoneout = 0.2; recurrent_dropout = 0.1; noise z = 0.5; i = z": NumpyCell(
        {
            "o": "sigmoid(a_o + p * c)",
            "i": "z",
            "current": "keep_c * c_prev + (1 - keep_c) * c",
            "hidden": "keep_h * h_prev + (1 - keep_h) * h",
            "recurrent": "shown * h_prev / 0.9",
        },
        ["p"],
        {"z": 0.5, "keep_c": 0.2, "keep_h": 0.2},
        {"shown": 0.9},
    ),
}

REDUCING = {
    "i = softmax(a_i); h = o * layer_norm(c)": NumpyCell({"i": "softmax(a_i)", "h": "o * layer_norm(c)"}),
}

EVERY = OF_GREFF | OWN | REDUCING
LENGTHS = torch.tensor([3, 5, 0, 1, 5])


def lstm_of(spec: Spec, *sizes: int, **options: object) -> LSTM:
    """In double precision, with learned coefficients that differ from unit to unit."""
    torch.manual_seed(0)
    lstm = LSTM(*sizes, alteration=spec, dtype=torch.float64, **options)
    with torch.no_grad():
        for name, weight in lstm.named_parameters():
            if not name.startswith(("weight", "bias")):
                weight += torch.linspace(-0.5, 0.5, weight.numel()).to(weight)
    return lstm


def drawn_for(lstm: LSTM, cell: NumpyCell) -> list[Drawn]:
    """Noise in the order in which it is drawn: of each layer and direction, first the noise, then the masks."""
    drawn = []
    for _ in range(lstm.num_layers * (1 + lstm.bidirectional)):
        own = {}
        for names, rows in ((cell.noise, int(LENGTHS.sum())), (cell.masks, int((LENGTHS > 0).sum()))):
            for name, p in names.items():
                own[name] = torch.empty(rows, lstm.hidden_size, dtype=torch.float64).bernoulli_(p).numpy()
                if not lstm.training:
                    own[name] = np.full_like(own[name], p)
        drawn.append(own)
    return drawn


def assert_equals_numpy(lstm: LSTM, cell: NumpyCell, tolerance: float = 1e-10) -> None:
    """In training, with the same noise, and in evaluation, with its mean."""
    rows = lstm.num_layers * (1 + lstm.bidirectional)
    x = torch.randn(5, 5, lstm.input_size, dtype=torch.float64)
    h, c = torch.randn(2, rows, 5, lstm.hidden_size, dtype=torch.float64)
    for training in (True, False):
        lstm.train(training)
        torch.manual_seed(7)
        output, (h_n, c_n) = lstm(x, (h, c), LENGTHS)
        torch.manual_seed(7)
        drawn = drawn_for(lstm, cell)
        expected = numpy_lstm(lstm, cell, x.numpy(), LENGTHS.tolist(), h.numpy(), c.numpy(), drawn)
        for got, want in zip((output, h_n, c_n), expected, strict=True):
            np.testing.assert_allclose(got.detach().numpy(), want, rtol=tolerance, atol=tolerance)


def test_the_oracle_has_every_equation_function_and_variant() -> None:
    assert list(PAPER) == list(EQUATIONS)
    assert sorted(FUNCTIONS) == sorted(KNOWN)
    assert list(OF_GREFF) == list(VARIANTS)


@pytest.mark.parametrize("spec", EVERY)
@pytest.mark.parametrize("name", ["llvm", "torchscript"])
def test_every_cell_is_what_numpy_computes(spec: str, name: str) -> None:
    lstm = lstm_of(spec, 3, 4, 2, bidirectional=True)
    if name == "llvm" and spec in REDUCING:
        assert "is over all units, and the compiled loops are elementwise" in lstm.obstacles["llvm"].reason
        return
    with backend(name):
        assert_equals_numpy(lstm, EVERY[spec])


@pytest.mark.parametrize("name", ["llvm", "torchscript"])
def test_peepholes_are_tensorflows(name: str) -> None:
    """Outputs, final state and all gradients; the fixture's script says how they were made."""
    numbers = json.loads((PROJECT / "tests" / "fixtures" / "tensorflow" / "peephole_lstm.json").read_text())
    given = {key: torch.tensor(numbers[key], dtype=torch.float64) for key in ("x", "h_0", "c_0", "d_output", "output")}
    lstm = LSTM(2, 4, alteration="PEEPHOLES", dtype=torch.float64)
    weights = {key: torch.tensor(value, dtype=torch.float64) for key, value in numbers["weights"].items()}
    lstm.load_state_dict({**weights, "bias_hh_l0": torch.zeros(16, dtype=torch.float64)})
    with backend(name):
        output, (_, c_n) = lstm(given["x"], (given["h_0"][None], given["c_0"][None]))
        ((output * given["d_output"]).sum() + c_n.sum()).backward()
    torch.testing.assert_close(output, given["output"], rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(c_n[0].tolist(), numbers["c_n"], rtol=1e-12, atol=1e-14)
    for key, value in numbers["gradients"].items():
        torch.testing.assert_close(lstm.get_parameter(key).grad.tolist(), value, rtol=1e-11, atol=1e-13)
    x, h, c = (given[key].numpy() for key in ("x", "h_0", "c_0"))
    found = numpy_lstm(lstm, OF_GREFF["PEEPHOLES"], x, [5, 5, 5], h[None], c[None], [{}])
    np.testing.assert_allclose(found[0], given["output"], rtol=1e-12, atol=1e-14)


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(cells(), st.integers(0, 99))
def test_any_cell_is_what_numpy_computes(alteration: Alteration, seed: int) -> None:
    texts = {key: value for key, value in alteration.texts().items() if isinstance(value, str)}
    noise, masks = dict(alteration.noise), dict(alteration.masks)
    if alteration.zoneout is not None:
        for state, equation in (("c", "current"), ("h", "hidden")):
            noise[f"keep_{state}"] = alteration.zoneout
            texts[equation] = f"keep_{state} * {state}_prev + (1 - keep_{state}) * ({texts.get(equation, state)})"
    if alteration.recurrent_dropout is not None:
        masks["shown"] = 1 - alteration.recurrent_dropout
        texts["recurrent"] = f"shown * ({texts.get('recurrent', 'h_prev')}) / {masks['shown']}"
    lstm = lstm_of(alteration, 2, 3, bidirectional=True)
    torch.manual_seed(seed)
    assert_equals_numpy(lstm, NumpyCell(texts, list(dict(alteration.learned)), noise, masks), 1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["baseline", *CURRENT, *HIDDEN, *EVERY])
def test_gradients_by_inputs_states_weights_and_coefficients(spec: str) -> None:
    """With the same noise in every call."""
    lstm = lstm_of(spec, 2, 3, 2, bidirectional=True)
    weights = dict(lstm.named_parameters())
    x, h, c = torch.randn(3, 2, 2), torch.randn(4, 2, 3), torch.randn(4, 2, 3)
    inputs = [tensor.detach().double().requires_grad_() for tensor in (x, h, c, *weights.values())]

    def function(x: Tensor, h: Tensor, c: Tensor, *values: Tensor) -> tuple[Tensor, ...]:
        torch.manual_seed(3)
        parameters = dict(zip(weights, values, strict=True))
        output, states = functional_call(lstm, parameters, (x, (h, c)), {"lengths": torch.tensor([3, 2])})
        return output, *states

    assert torch.autograd.gradcheck(function, inputs, fast_mode=True)
