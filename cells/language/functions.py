"""The elementwise functions of the language, each with its derivative and whether it has a pole.

To add a function, add a line here and a line to the table of each backend's printer.
"""

from typing import NamedTuple


class Function(NamedTuple):
    """A function of x: the facts that every backend has to know.

    Attributes:
        derivative: by x, as a formula in this language.
        has_pole: whether the value or the derivative is infinite or NaN for some |x| <= 1000, in float32.
    """

    derivative: str
    has_pole: bool = False


FUNCTIONS = {
    "sigmoid": Function("sigmoid(x) * (1 - sigmoid(x))"),
    "tanh": Function("1 - square(tanh(x))"),
    "relu": Function("step(x)"),
    "exp": Function("exp(x)", has_pole=True),
    "log": Function("1 / x", has_pole=True),
    "sqrt": Function("0.5 / sqrt(x)", has_pole=True),
    "square": Function("2 * x"),
    "abs": Function("sign(x)"),
    "sin": Function("cos(x)"),
    "cos": Function("-sin(x)"),
    "softplus": Function("sigmoid(x)"),
    "erf": Function("1.1283791670955126 * exp(-square(x))"),
    "atan": Function("1 / (1 + square(x))"),
    "expm1": Function("exp(x)", has_pole=True),
    "log1p": Function("1 / (1 + x)", has_pole=True),
    "silu": Function("sigmoid(x) * (1 + x * (1 - sigmoid(x)))"),
    "sign": Function("0"),
    "step": Function("0"),  # 1 where x > 0, else 0: at 0 it is 0, as torch's derivative of relu
}
