"""Formulas as trees: numbers, names, arithmetic, powers and calls of functions, immutable and compared by value.

Arithmetic with trees makes larger ones: `Variable("c") * Variable("o")` is the tree of c * o.
"""

import operator
from collections.abc import Callable, Iterator
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
class Power(Expression):
    """base ** exponent, for a whole exponent from 2 on."""

    base: Expression
    exponent: int


@dataclass(frozen=True)
class Call(Expression):
    """function(arguments)."""

    function: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True)
class Guarded(Expression):
    """left * right, but 0 where either factor is 0, even if the other one is infinite or NaN.

    No user writes it. It multiplies gradients with slopes that have a pole: c = sqrt(c) has no slope at c = 0, but
    at the last step of a row, whose final c nobody uses, the gradient is 0 all the same.
    """

    left: Expression
    right: Expression


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


def power(base: Expression, exponent: int) -> Expression:
    """base ** exponent for a whole exponent from 0 on, with powers of numbers computed."""
    match base, exponent:
        case _, 0:
            return Number(1.0)
        case _, 1:
            return base
        case Number(value), _:
            return Number(value**exponent)
    return Power(base, exponent)


def call(function: str, *arguments: Expression) -> Expression:
    """The call function(arguments)."""
    return Call(function, arguments)


def parts(formula: Expression) -> tuple[Expression, ...]:
    """The expressions directly below a node."""
    match formula:
        case Negative(u) | Power(u, _):
            return (u,)
        case Binary(_, u, v) | Guarded(u, v):
            return (u, v)
        case Call(_, arguments):
            return arguments
    return ()


def with_parts(formula: Expression, new: tuple[Expression, ...]) -> Expression:
    """The node with other expressions directly below it, simplified where those are numbers."""
    match formula:
        case Negative():
            return -new[0]
        case Power(_, exponent):
            return power(new[0], exponent)
        case Binary(op, _, _):
            return binary(op, *new)
        case Guarded():
            return Guarded(*new)
        case Call(function, _):
            return Call(function, new)
    return formula


def rebuilt(formula: Expression, change: Callable[[Expression], Expression | None]) -> Expression:
    """The formula with every node for which `change` returns an expression replaced by it, from the top down."""
    changed = change(formula)
    if changed is not None:
        return changed
    return with_parts(formula, tuple(rebuilt(part, change) for part in parts(formula)))


def nodes(formula: Expression) -> Iterator[Expression]:
    """Every node of the tree, those below a node before it."""
    for part in parts(formula):
        yield from nodes(part)
    yield formula


def names_in(formula: Expression) -> set[str]:
    """The names that occur in the formula."""
    return {node.name for node in nodes(formula) if isinstance(node, Variable)}
