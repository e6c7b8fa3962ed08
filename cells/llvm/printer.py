"""Formulas and their partial derivatives as vector instructions."""

import functools
from collections.abc import Callable, Mapping

from cells.language.derivative import derivative
from cells.language.functions import FUNCTIONS as LANGUAGE
from cells.language.tree import Binary, Call, Expression, Negative, Number, Variable
from cells.llvm import vector
from cells.llvm.vector import Vec

Values = Mapping[str, Vec]
"""The values of the names in a formula."""

# The functions of cells.language.functions. sin and cos are the C library's, by way of LLVM.
FUNCTIONS: dict[str, Callable[[Vec], Vec]] = {
    "sigmoid": vector.sigmoid,
    "tanh": vector.tanh,
    "relu": vector.relu,
    "exp": vector.exp,
    "log": vector.log,
    "sqrt": lambda x: x.e.intrinsic("sqrt", x),
    "square": vector.square,
    "abs": vector.absolute,
    "sin": lambda x: x.e.intrinsic("sin", x),
    "cos": lambda x: x.e.intrinsic("cos", x),
    "softplus": vector.softplus,
    **{name: functools.partial(vector.libm, name) for name in ("erf", "atan", "expm1", "log1p")},
    "silu": vector.silu,
    "sign": vector.sign,
    "step": vector.step,
}


def value(formula: Expression, values: Values) -> Vec:
    """The formula's value where its names have these values."""
    return _emit(formula, values, slope=False)


def partials(formula: Expression, values: Values) -> dict[str, Vec]:
    """The partial derivatives by the names that the formula depends on; the others are zero everywhere.

    Where a formula has a pole, the chain rule can give 0 * infinity or 0 / 0: sqrt(relu(c)) has the derivative
    0.5 / sqrt(relu(c)) * step(c), and c < 0 makes it infinity * 0. Here a zero factor counts: the product is 0.
    Autograd, which masks relu and multiplies the rest, gives 0 for relu too, and NaN for some others.
    """
    derivatives = {name: derivative(formula, name) for name in values}
    return {name: _emit(d, values, slope=True) for name, d in derivatives.items() if d != Number(0.0)}


def _emit(formula: Expression, values: Values, slope: bool) -> Vec:
    """The formula's value; in a slope, a zero factor counts against a pole."""
    match formula:
        case Number(number):
            return values["c"].e.const(number)
        case Variable(name):
            return values[name]
        case Negative(u):
            return -_emit(u, values, slope)
        case Call(function, u):
            return FUNCTIONS[function](_emit(u, values, slope))
        case Binary(op, u, v):
            x, y = _emit(u, values, slope), _emit(v, values, slope)
            result = _ARITHMETIC[op](x, y)
            if slope and op in "*/":
                if op == "/" or has_pole(v):
                    result = zero_where(x, result)
                if op == "*" and has_pole(u):
                    result = zero_where(y, result)
            return result
    raise TypeError(f"not a formula: {type(formula)}")


_ARITHMETIC = {"+": Vec.__add__, "-": Vec.__sub__, "*": Vec.__mul__, "/": Vec.__truediv__}


def zero_where(factor: Vec, product: Vec) -> Vec:
    """The product, but 0 where the factor is 0, whatever the other factor is."""
    return vector.where(factor, "==", 0.0, 0.0, product)


def has_pole(formula: Expression) -> bool:
    """Whether finite values of the names can make the formula infinite or NaN."""
    match formula:
        case Binary("/"):
            return True
        case Call(function, u):
            return LANGUAGE[function].has_pole or has_pole(u)
        case Binary(_, u, v):
            return has_pole(u) or has_pole(v)
        case Negative(u):
            return has_pole(u)
    return False
