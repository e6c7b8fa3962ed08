"""Any cell step by step in NumPy, from the texts of its equations and nothing of the project that it checks."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import nn

Array = np.ndarray

PAPER = {
    "i": "sigmoid(a_i)",
    "f": "sigmoid(a_f)",
    "g": "tanh(a_g)",
    "o": "sigmoid(a_o)",
    "c": "f * c_prev + i * g",
    "h": "o * tanh(c)",
    "current": "c",
    "hidden": "h",
    "recurrent": "h_prev",
}


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def layer_norm(x: Array) -> Array:
    return (x - x.mean()) / np.sqrt(x.var() + 1e-5)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0.0),
    "ramp": lambda x: np.maximum(x, 0.0),
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "square": np.square,
    "abs": np.abs,
    "sin": np.sin,
    "cos": np.cos,
    "softplus": lambda x: np.logaddexp(x, 0.0),
    "erf": np.vectorize(math.erf),
    "atan": np.arctan,
    "expm1": np.expm1,
    "log1p": np.log1p,
    "silu": lambda x: x * sigmoid(x),
    "sign": np.sign,
    "step": lambda x: np.heaviside(x, 0.0),
    "max": np.maximum,
    "min": np.minimum,
    "clamp": lambda x, low, high: np.minimum(np.maximum(x, low), high),
    "hardtanh": lambda x, low=-1.0, high=1.0: np.clip(x, low, high),
    "leaky_relu": lambda x, slope=0.01: np.where(x > 0, x, slope * x),
    "elu": lambda x, alpha=1.0: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))),
    "gelu": lambda x: 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))),
    "layer_norm": layer_norm,
    "softmax": lambda x: np.exp(x) / np.exp(x).sum(),
}


@dataclass
class NumpyCell:
    """A cell: texts in place of PAPER's, and the names declared.

    Attributes:
        noise: names with their probabilities, in the order in which they are drawn.
        masks: likewise.
    """

    equations: Mapping[str, str] = field(default_factory=dict)
    learned: Sequence[str] = ()
    noise: Mapping[str, float] = field(default_factory=dict)
    masks: Mapping[str, float] = field(default_factory=dict)

    def value(self, wanted: str, given: Mapping[str, Any]) -> Array:
        """The value of one equation: Python itself reads the texts, and asks for each name when it meets it."""
        return _Names(PAPER | self.equations, given)[wanted]


class _Names(dict[str, Any]):
    def __init__(self, equations: Mapping[str, str], given: Mapping[str, Any]) -> None:
        super().__init__(given)
        self.equations = equations

    def __missing__(self, name: str) -> Array:
        if name not in self.equations:
            raise KeyError(name)  # so that Python looks among the functions
        self[name] = eval(self.equations[name], FUNCTIONS, self) + 0.0 * self["h_prev"]
        return self[name]


Drawn = dict[str, Array]


def numpy_lstm(
    lstm: nn.Module, cell: NumpyCell, x: Array, lengths: Sequence[int], h: Array, c: Array, drawn: list[Drawn]
) -> tuple[Array, Array, Array]:
    """Outputs [T, B, D H] and final h and c [L D, B, H] of x [T, B, I], each row by itself.

    Args:
        lstm: gives sizes and weights.
        cell: its cell.
        x: the padded batch.
        lengths: of the rows.
        h: initial states [L D, B, H].
        c: likewise.
        drawn: for each layer and direction, noise [N, H] in the order of packed rows and masks [B, H] with the longest
            row first.
    """
    weights = {name: value.detach().numpy() for name, value in lstm.named_parameters()}
    steps, batch, _ = x.shape
    ranks = {row: rank for rank, row in enumerate(sorted(range(batch), key=lambda row: -lengths[row]))}
    first = np.cumsum([0, *(sum(length > t for length in lengths) for t in range(steps))])
    final_h, final_c = h.copy(), c.copy()
    for layer in range(lstm.num_layers):
        outputs = []
        for way in range(1 + lstm.bidirectional):
            k = layer * (1 + lstm.bidirectional) + way
            suffix = f"_l{layer}" + ("_reverse" if way else "")
            w = {name.removesuffix(suffix): value for name, value in weights.items() if name.endswith(suffix)}
            output = np.zeros((steps, batch, lstm.hidden_size))
            for row, length in enumerate(lengths):
                for t in range(length)[:: -1 if way else 1]:
                    names = {name: w[name] for name in cell.learned}
                    names |= {name: drawn[k][name][first[t] + ranks[row]] for name in cell.noise}
                    names |= {name: drawn[k][name][ranks[row]] for name in cell.masks}
                    state = step(cell, w, x[t, row], final_h[k, row], final_c[k, row], names)
                    final_h[k, row], final_c[k, row] = state
                    output[t, row] = final_h[k, row]
            outputs.append(output)
        x = np.concatenate(outputs, 2)
    return x, final_h, final_c


def step(cell: NumpyCell, w: Mapping[str, Array], x: Array, h: Array, c: Array, names: Drawn) -> tuple[Array, Array]:
    """h and c of the next step of one row."""
    given = {**names, "h_prev": h, "c_prev": c}
    z = w["weight_ih"] @ x + w["bias_ih"] + w["bias_hh"] + w["weight_hh"] @ cell.value("recurrent", given)
    given |= dict(zip(("a_i", "a_f", "a_g", "a_o"), np.split(z, 4), strict=True))
    return cell.value("hidden", given), cell.value("current", given)
