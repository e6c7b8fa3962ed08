"""Formulas and programs as vector instructions."""

import functools
from collections.abc import Callable, Mapping

from cells.language.program import Program
from cells.language.tree import Binary, Call, Expression, Guarded, Negative, Number, Power, Variable
from cells.llvm import vector
from cells.llvm.vector import Emitter, Vec

# The elementwise functions of cells.language.functions. sin and cos are the C library's, by way of LLVM.
FUNCTIONS: dict[str, Callable[..., Vec]] = {
    "sigmoid": vector.sigmoid,
    "tanh": vector.tanh,
    "relu": vector.relu,
    "ramp": vector.relu,
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
    "max": vector.maximum,
    "min": vector.minimum,
}

_ARITHMETIC = {"+": Vec.__add__, "-": Vec.__sub__, "*": Vec.__mul__, "/": Vec.__truediv__}


def results(program: Program, inputs: Mapping[str, Vec], e: Emitter) -> dict[str, Vec]:
    """The results of a program whose inputs have these values."""
    known = dict(inputs)
    for name, formula in program.assignments:
        known[name] = value(formula, known, e)
    return {name: value(formula, known, e) for name, formula in program.results.items()}


def value(formula: Expression, values: Mapping[str, Vec], e: Emitter) -> Vec:
    """The formula's value where its names have these values."""
    match formula:
        case Number(number):
            return e.const(number)
        case Variable(name):
            return values[name]
        case Negative(u):
            return -value(u, values, e)
        case Binary(op, u, v):
            return _ARITHMETIC[op](value(u, values, e), value(v, values, e))
        case Guarded(u, v):
            return vector.guarded_product(value(u, values, e), value(v, values, e))
        case Power(u, exponent):
            return vector.power(value(u, values, e), exponent)
        case Call(function, arguments):
            return FUNCTIONS[function](*(value(argument, values, e) for argument in arguments))
    raise TypeError(f"not a formula: {type(formula)}")
