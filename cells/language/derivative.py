"""Partial derivatives of formulas, as formulas."""

import functools

from cells.language.functions import FUNCTIONS
from cells.language.parser import parse
from cells.language.tree import Binary, Call, Expression, Negative, Number, Variable


@functools.cache
def derivative(formula: Expression, name: str) -> Expression:
    """The partial derivative by a name, with all other names held fixed."""
    match formula:
        case Variable(own):
            return Number(1.0 if own == name else 0.0)
        case Negative(u):
            return -derivative(u, name)
        case Binary("+", u, v):
            return derivative(u, name) + derivative(v, name)
        case Binary("-", u, v):
            return derivative(u, name) - derivative(v, name)
        case Binary("*", u, v):
            return derivative(u, name) * v + u * derivative(v, name)
        case Binary("/", u, v):
            return derivative(u, name) / v - u * derivative(v, name) / (v * v)
        case Call(function, u) if (inner := derivative(u, name)) != Number(0.0):
            return parse(FUNCTIONS[function].derivative, {"x": u}) * inner
    return Number(0.0)
