"""A formula and its partial derivatives as vector instructions."""

from collections.abc import Mapping

from cells.language.formula import Binary, Call, Expression, Negative, Number, Variable
from cells.llvm.vector import FUNCTIONS, Vec, where

Values = Mapping[str, Vec]


def value(formula: Expression, values: Values) -> Vec:
    """The formula where its names have these values."""
    return _emit(formula, values, derivative=False)


def partials(formula: Expression, values: Values) -> dict[str, Vec]:
    """The partial derivatives by the names it depends on; the others are zero everywhere.

    Where a formula has a pole, the chain rule can give 0 * infinity or 0 / 0: sqrt(relu(c)) has the derivative
    0.5 / sqrt(relu(c)) * step(c), and c < 0 makes it infinity * 0. Here a zero factor counts: the product is 0.
    Autograd, which masks relu and multiplies the rest, gives 0 for relu too, and NaN for some others.
    """
    derivatives = {name: formula.derivative(name) for name in values}
    return {name: _emit(d, values, derivative=True) for name, d in derivatives.items() if d != Number(0.0)}


def _emit(formula: Expression, values: Values, derivative: bool) -> Vec:
    match formula:
        case Number(number):
            return values["c"].e.const(number)
        case Variable(name):
            return values[name]
        case Negative(u):
            return -_emit(u, values, derivative)
        case Call(function, u):
            return FUNCTIONS[function](_emit(u, values, derivative))
        case Binary(op, u, v):
            x, y = _emit(u, values, derivative), _emit(v, values, derivative)
            result = _ARITHMETIC[op](x, y)
            if derivative and op in "*/":
                if op == "/" or _has_pole(v):
                    result = zero_where(x, result)
                if op == "*" and _has_pole(u):
                    result = zero_where(y, result)
            return result
    raise TypeError(f"no formula: {type(formula)}")


_ARITHMETIC = {"+": Vec.__add__, "-": Vec.__sub__, "*": Vec.__mul__, "/": Vec.__truediv__}


def zero_where(factor: Vec, product: Vec) -> Vec:
    """The product, but 0 where the factor is 0, whatever the other one is."""
    return where(factor, "==", 0.0, 0.0, product)


def _has_pole(formula: Expression) -> bool:
    """Whether finite values of the names can make it infinite or NaN."""
    match formula:
        case Binary("/") | Call("log" | "log1p" | "exp" | "expm1" | "sqrt"):
            return True
        case Binary(_, u, v):
            return _has_pole(u) or _has_pole(v)
        case Negative(u) | Call(_, u):
            return _has_pole(u)
    return False
