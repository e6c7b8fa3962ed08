"""Formulas and programs as text of Triton."""

from collections.abc import Iterator

from cells.language.program import Program
from cells.language.tree import Binary, Call, Expression, Guarded, Negative, Number, Power, Variable

# The elementwise functions of cells.language.functions; those without "tl." are in cells.triton.functions.
FUNCTIONS = {
    **{name: name for name in ("sigmoid", "tanh", "relu", "step", "sign", "square", "silu", "softplus", "atan")},
    **{name: name for name in ("log1p", "expm1")},
    **{name: f"tl.{name}" for name in ("exp", "log", "sqrt", "abs", "sin", "cos", "erf")},
    "ramp": "relu",
    "max": "maximum",
    "min": "minimum",
}


def code(formula: Expression) -> str:
    """The text of the formula's value: a tensor, or a number."""
    match formula:
        case Number(value):
            return f"({value!r})"
        case Variable(name):
            return local(name)
        case Negative(u):
            return f"(-{code(u)})"
        case Binary(op, u, v):
            return f"({code(u)} {op} {code(v)})"
        case Guarded(u, v):
            return f"guarded({tensor_code(u)}, {tensor_code(v)})"
        case Power(u, exponent):
            return f"power({code(u)}, {exponent})"
        case Call(function, arguments):
            return f"{FUNCTIONS[function]}({', '.join(map(tensor_code, arguments))})"
    raise TypeError(f"not a formula: {type(formula)}")


def tensor_code(formula: Expression) -> str:
    """The text of the formula's value as a tensor: a number is spread to the shape of `zero`."""
    return f"(zero + {formula.value!r})" if isinstance(formula, Number) else code(formula)


def program_lines(made: Program) -> Iterator[str]:
    """The lines that carry out a program's assignments."""
    for name, formula in made.assignments:
        yield f"{local(name)} = {tensor_code(formula)}"


def local(name: str) -> str:
    """The local variable of a name in equations; no other word of the text ends so."""
    return f"{name}_"
