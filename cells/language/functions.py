"""The functions of the language: elementwise ones with their slopes, those defined by others, and reductions.

To add an elementwise function, add a line to DEFINITIONS if others give it; else a line to FUNCTIONS and a line to the
table of each backend's printer.
"""

from typing import NamedTuple


class Function(NamedTuple):
    """An elementwise function of x, or of x and y: the facts that every backend has to know.

    Attributes:
        slopes: the derivative by each argument, as formulas over x, y and `value`, the function's own value.
        has_pole: whether the value or a slope is infinite or NaN for some |x| <= 1000, in float32.
    """

    slopes: tuple[str, ...]
    has_pole: bool = False


class Definition(NamedTuple):
    """A function that is a formula over its arguments; in value and slope it equals torch's function of its name.

    Attributes:
        arguments: their names, and the values of those that may be left out.
        formula: over the arguments.
    """

    arguments: dict[str, float | None]
    formula: str


FUNCTIONS = {
    "sigmoid": Function(("value * (1 - value)",)),
    "tanh": Function(("1 - value * value",)),
    "relu": Function(("step(x)",)),
    "ramp": Function(("1 - step(-x)",)),  # the same, but for its slope at 0
    "exp": Function(("value",), has_pole=True),
    "log": Function(("1 / x",), has_pole=True),
    "sqrt": Function(("0.5 / value",), has_pole=True),
    "square": Function(("2 * x",)),
    "abs": Function(("sign(x)",)),
    "sin": Function(("cos(x)",)),
    "cos": Function(("-sin(x)",)),
    "softplus": Function(("sigmoid(x)",)),
    "erf": Function(("1.1283791670955126 * exp(-square(x))",)),
    "atan": Function(("1 / (1 + square(x))",)),
    "expm1": Function(("value + 1",), has_pole=True),
    "log1p": Function(("1 / (1 + x)",), has_pole=True),
    "silu": Function(("sigmoid(x) * (1 + x * (1 - sigmoid(x)))",)),
    "sign": Function(("0",)),
    "step": Function(("0",)),  # 1 where x > 0, else 0: at 0 it is 0, as torch's derivative of relu
    "max": Function(
        ("0.5 + 0.5 * sign(x - y)", "0.5 - 0.5 * sign(x - y)")
    ),  # where both are equal, half each, as torch
    "min": Function(("0.5 - 0.5 * sign(x - y)", "0.5 + 0.5 * sign(x - y)")),
}

# For max(x, 0) there are three kinds of kink: relu(x) has slope 0 at 0, ramp(x) slope 1, max(x, 0) slope 1/2. The
# second is not x + relu(-x): behind a pole, where the gradient is infinite, that gives infinity minus infinity.
DEFINITIONS = {
    "clamp": Definition(  # slope 1 at both ends
        {"x": None, "low": None, "high": None},
        "high - ramp(high - (low + ramp(x - low)))",
    ),
    "hardtanh": Definition(  # slope 0 at both ends
        {"x": None, "low": -1.0, "high": 1.0}, "high - relu(high - (low + relu(x - low)))"
    ),
    "leaky_relu": Definition({"x": None, "slope": 0.01}, "slope * x + (1 - slope) * relu(x)"),
    "elu": Definition({"x": None, "alpha": 1.0}, "relu(x) + alpha * expm1(x - relu(x))"),
    "gelu": Definition({"x": None}, "0.5 * x * (1 + erf(0.7071067811865476 * x))"),
}

REDUCTIONS = ("layer_norm", "softmax")
"""Functions over all units of a row. They are not elementwise: only the reference path has them."""

KNOWN = (*FUNCTIONS, *DEFINITIONS, *REDUCTIONS)
"""Every function that a user may write."""
