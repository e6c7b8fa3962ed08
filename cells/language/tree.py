"""Formulas as trees: numbers, names, arithmetic and calls of functions, immutable and compared by value.

Arithmetic with trees makes larger ones: `Variable("c") * Variable("o")` is the tree of c * o.
"""

import operator
from dataclasses import dataclass


class Expression:
    """A node of a tree, and with it the formula below it."""

    def __add__(self, other: "Expression") -> "Expression":
        return binary("+", self, other)

    def __sub__(self, other: "Expression") -> "Expression":
        return binary("-", self, other)

    def __mul__(self, other: "Expression") -> "Expression":
        return binary("*", self, other)

    def __truediv__(self, other: "Expression") -> "Expression":
        return binary("/", self, other)

    def __neg__(self) -> "Expression":
        match self:
            case Number(value):
                return Number(0.0 - value)  # not -value: -0.0 would print as "-0"
            case Negative(u):
                return u
            case Binary("*" | "/" as op, u, v):
                return binary(op, -u, v)  # so that -(a * b) needs no brackets: -a * b
        return Negative(self)


@dataclass(frozen=True)
class Number(Expression):
    """A constant with its sign."""

    value: float


@dataclass(frozen=True)
class Variable(Expression):
    """A name, such as c."""

    name: str


@dataclass(frozen=True)
class Negative(Expression):
    """-operand."""

    operand: Expression


@dataclass(frozen=True)
class Binary(Expression):
    """left op right, where op is one of + - * /."""

    op: str
    left: Expression
    right: Expression


@dataclass(frozen=True)
class Call(Expression):
    """function(argument)."""

    function: str
    argument: Expression


_ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}


def binary(op: str, left: Expression, right: Expression) -> Expression:
    """left op right, with arithmetic on numbers done and superfluous zeros and ones removed."""
    match op, left, right:
        case _, Number(a), Number(b):
            return Number(_ARITHMETIC[op](a, b))
        case ("*", _, Number(0.0)) | ("*" | "/", Number(0.0), _):
            return Number(0.0)
        case ("+" | "-", u, Number(0.0)) | ("*" | "/", u, Number(1.0)):
            return u
        case ("+", Number(0.0), v) | ("*", Number(1.0), v):
            return v
        case "-", Number(0.0), v:
            return -v
    return Binary(op, left, right)
