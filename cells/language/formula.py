"""The language of alterations: read a formula, print it, differentiate it, write it as TorchScript.

    formula  = term  {("+" | "-") term}
    term     = factor {("*" | "/") factor}
    factor   = {"-"} value
    value    = number | name | function "(" formula ")" | "(" formula ")"

The names are c h o i f g, this step's values in the cell. A formula becomes a small tree, and everything else
is made from the tree, never from the user's text: nothing is ever evaluated as Python.
"""

import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from cells.errors import UserError

# Elementwise functions: (TorchScript, derivative in this same language). step(0) is 0, as in torch's relu.
FUNCTIONS = {
    "sigmoid": ("torch.sigmoid({x})", "sigmoid(x) * (1 - sigmoid(x))"),
    "tanh": ("torch.tanh({x})", "1 - square(tanh(x))"),
    "relu": ("torch.relu({x})", "step(x)"),
    "exp": ("torch.exp({x})", "exp(x)"),
    "log": ("torch.log({x})", "1 / x"),
    "sqrt": ("torch.sqrt({x})", "0.5 / sqrt(x)"),
    "square": ("torch.square({x})", "2 * x"),
    "abs": ("torch.abs({x})", "sign(x)"),
    "sin": ("torch.sin({x})", "cos(x)"),
    "cos": ("torch.cos({x})", "-sin(x)"),
    "softplus": ("torch.nn.functional.softplus({x})", "sigmoid(x)"),
    "erf": ("torch.erf({x})", "1.1283791670955126 * exp(-square(x))"),
    "atan": ("torch.atan({x})", "1 / (1 + square(x))"),
    "expm1": ("torch.expm1({x})", "exp(x)"),
    "log1p": ("torch.log1p({x})", "1 / (1 + x)"),
    "silu": ("torch.nn.functional.silu({x})", "sigmoid(x) * (1 + x * (1 - sigmoid(x)))"),
    "sign": ("torch.sign({x})", "0"),
    "step": ("torch.relu(torch.sign({x}))", "0"),
}

# Room for any sensible alteration: recursion stays shallow, and every constant finite in float64.
MAX_TOKENS, MAX_DEPTH, MAX_NUMBER = 100, 20, 1_000_000


class FormulaError(UserError, ValueError):
    """A formula that cannot be read, in one line: the offending piece >>>marked<<<, its column, and why."""


class Expression:
    """A node of the tree: immutable, compared by value; str() is the formula with the fewest parentheses."""

    def derivative(self, name: str) -> "Expression":
        """The partial derivative by the name, all other names held fixed."""
        match self:
            case Variable(own):
                return Number(1.0 if own == name else 0.0)
            case Negative(u):
                return -u.derivative(name)
            case Binary("+", u, v):
                return u.derivative(name) + v.derivative(name)
            case Binary("-", u, v):
                return u.derivative(name) - v.derivative(name)
            case Binary("*", u, v):
                return u.derivative(name) * v + u * v.derivative(name)
            case Binary("/", u, v):
                return u.derivative(name) / v - u * v.derivative(name) / (v * v)
            case Call(function, u) if (inner := u.derivative(name)) != Number(0.0):
                return parse(FUNCTIONS[function][1], {"x": u}) * inner
        return Number(0.0)

    def code(self) -> str:
        """TorchScript text for the value: a tensor, or a float where no name occurs."""
        match self:
            case Number(value):
                return repr(value)
            case Negative(u):
                return f"(-{u.code()})"
            case Binary(op, u, v):
                return f"({u.code()} {op} {v.code()})"
            case Call(function, u):
                return FUNCTIONS[function][0].format(x=u.tensor_code())
        return str(self)

    def tensor_code(self) -> str:
        """TorchScript text for the value as a tensor: a number is spread to the shape of c."""
        return f"torch.full_like(c, {self.code()})" if isinstance(self, Number) else self.code()

    def __str__(self) -> str:
        match self:
            case Number(value):
                return repr(value).removesuffix(".0")
            case Variable(name):
                return name
            case Negative(u):
                return "-" + _bracketed(u, 3)
            case Binary(op, u, v):
                precedence = _precedence(self)  # on the right even an equal one needs brackets: a - (b - c)
                return f"{_bracketed(u, precedence)} {op} {_bracketed(v, precedence + 1)}"
            case Call(function, u):
                return f"{function}({u})"
        raise TypeError(f"no formula: {type(self)}")

    def __add__(self, other: "Expression") -> "Expression":
        return _binary("+", self, other)

    def __sub__(self, other: "Expression") -> "Expression":
        return _binary("-", self, other)

    def __mul__(self, other: "Expression") -> "Expression":
        return _binary("*", self, other)

    def __truediv__(self, other: "Expression") -> "Expression":
        return _binary("/", self, other)

    def __neg__(self) -> "Expression":
        match self:
            case Number(value):
                return Number(0.0 - value)  # not -value: -0.0 would print as "-0"
            case Negative(u):
                return u
            case Binary("*" | "/" as op, u, v):
                return _binary(op, -u, v)  # so that -(a * b) needs no brackets: -a * b
        return Negative(self)


@dataclass(frozen=True)
class Number(Expression):
    """A constant with its sign."""

    value: float


@dataclass(frozen=True)
class Variable(Expression):
    """One of the names."""

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


def _precedence(expression: Expression) -> int:
    match expression:
        case Binary(op):
            return 1 if op in "+-" else 2
        case Negative():
            return 3
        case Number(value):
            return 3 if value < 0 else 4
    return 4


def _bracketed(expression: Expression, precedence: int) -> str:
    return str(expression) if _precedence(expression) >= precedence else f"({expression})"


_ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}


def _binary(op: str, left: Expression, right: Expression) -> Expression:
    """left op right, with numbers folded and superfluous zeros and ones gone."""
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


NAMES: Mapping[str, Expression] = {name: Variable(name) for name in "choifg"}


def parse(text: str, names: Mapping[str, Expression] = NAMES) -> Expression:
    """Read a formula in which `names` may occur, each standing for its expression. Raises FormulaError."""
    if not isinstance(text, str):
        raise FormulaError(f"a formula is a text such as 'c * o', not {text!r}")
    return _Parser(text, names).parse()


class _Token(NamedTuple):
    kind: str  # "number", "name", "end", "other", or the sign itself
    text: str
    start: int


_NUMBER = r"(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?"
_PIECE = re.compile(rf"(?P<number>{_NUMBER})|(?P<name>[A-Za-z_]\w*)|(?P<sign>[-+*/()])|(?P<other>[^ ])", re.ASCII)


class _Parser:
    """Recursive descent, method by method the grammar above."""

    def __init__(self, text: str, names: Mapping[str, Expression]) -> None:
        self.text, self.names = text, names
        self.position = self.depth = 0
        pieces = list(islice(_PIECE.finditer(text), MAX_TOKENS + 1))
        self.tokens = [_Token(m["sign"] or str(m.lastgroup), m.group(), m.start()) for m in pieces]
        if len(self.tokens) > MAX_TOKENS:
            raise self.error(f"too long, at most {MAX_TOKENS} names, numbers and signs", self.tokens[-1])
        self.tokens.append(_Token("end", "", len(text)))

    def error(self, why: str, token: _Token | None = None) -> FormulaError:
        """The error at this token, or at the next one."""
        _, piece, start = token or self.tokens[self.position]
        before, after = self.text[:start], self.text[start + len(piece) :]
        marked = f"{before[-40:]}>>>{piece[:40]}<<<{after[:40]}"
        # !a, because a line break or a letter that looks like another must show as what it is.
        return FormulaError(f"formula {marked!a}, column {start + 1}: {why}")

    def take(self, *kinds: str) -> _Token | None:
        """The next token, if it is of one of these kinds."""
        token = self.tokens[self.position]
        if token.kind not in kinds:
            return None
        self.position += 1
        return token

    def parse(self) -> Expression:
        result = self.formula()
        if not self.take("end"):
            raise self.error("expected + - * / or the end of the formula")
        return result

    def formula(self) -> Expression:
        left = self.term()
        while sign := self.take("+", "-"):
            left = self.combine(sign, left, self.term())
        return left

    def term(self) -> Expression:
        left = self.factor()
        while sign := self.take("*", "/"):
            left = self.combine(sign, left, self.factor())
        return left

    def factor(self) -> Expression:
        negative = False
        while self.take("-"):
            negative = not negative
        return -self.value() if negative else self.value()

    def value(self) -> Expression:
        if token := self.take("number"):
            return self.within_bounds(Number(float(token.text)), token)
        if token := self.take("name"):
            if self.take("("):
                if token.text not in FUNCTIONS:
                    raise self.error(f"unknown function, the functions are {' '.join(FUNCTIONS)}", token)
                return Call(token.text, self.rest_of_brackets())
            if token.text not in self.names:
                raise self.error(f"unknown name, the names are {' '.join(self.names)}", token)
            return self.names[token.text]
        if self.take("("):
            return self.rest_of_brackets()
        raise self.error("expected a name, a number or a function")

    def rest_of_brackets(self) -> Expression:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(f"nested too deeply, at most {MAX_DEPTH} brackets")
        inside = self.formula()
        if not self.take(")"):
            raise self.error("expected + - * / or )")
        self.depth -= 1
        return inside

    def combine(self, sign: _Token, left: Expression, right: Expression) -> Expression:
        if sign.kind == "/" and right == Number(0.0):
            raise self.error("division by zero", sign)
        return self.within_bounds(_binary(sign.kind, left, right), sign)

    def within_bounds(self, result: Expression, token: _Token) -> Expression:
        size = abs(result.value) if isinstance(result, Number) else 0
        if size and not 1 / MAX_NUMBER <= size <= MAX_NUMBER:
            raise self.error(f"the size of a number must be 0 or from {1 / MAX_NUMBER:g} to {MAX_NUMBER:g}", token)
        return result
