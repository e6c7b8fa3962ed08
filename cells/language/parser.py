"""The grammar of formulas, and its parser.

    formula  = term  {("+" | "-") term}
    term     = factor {("*" | "/") factor}
    factor   = {"-"} power
    power    = value ["**" whole number]
    value    = number | name | function "(" formula {"," formula} ")" | "(" formula ")"

The functions are those of `cells.language.functions`; which names there are depends on the equation, see
`cells.equations`. A formula becomes a tree, and everything else is made from the tree, never from the user's text:
nothing is ever evaluated as Python.
"""

import functools
import re
from collections.abc import Mapping
from itertools import islice
from typing import NamedTuple

from cells.errors import UserError, briefly
from cells.language.functions import DEFINITIONS, FUNCTIONS, KNOWN
from cells.language.tree import Call, Expression, Number, binary, power

# Room for any sensible alteration: recursion stays shallow, and every constant finite in float64.
MAX_TOKENS, MAX_DEPTH, MAX_NUMBER, MAX_POWER = 100, 20, 1_000_000, 8


class FormulaError(UserError, ValueError):
    """A formula that cannot be read, in one line: the offending piece >>>marked<<<, its column, and why."""


def parse(text: str, names: Mapping[str, Expression]) -> Expression:
    """Read a formula in which `names` may occur, each standing for its expression. Raises FormulaError."""
    if not isinstance(text, str):
        raise FormulaError(f"a formula is a text such as 'c * o', not {briefly(text)}")
    return _parsed(text, tuple(names.items()))


@functools.lru_cache(maxsize=4096)
def _parsed(text: str, names: tuple[tuple[str, Expression], ...]) -> Expression:
    """A command meets each of its formulas several times, and reads it once."""
    return _Parser(text, dict(names)).parse()


class _Token(NamedTuple):
    kind: str  # "number", "name", "end", "other", or the sign itself
    text: str
    start: int


_NUMBER = r"(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?"
_PIECE = re.compile(rf"(?P<number>{_NUMBER})|(?P<name>[A-Za-z_]\w*)|(?P<sign>\*\*|[-+*/(),])|(?P<other>[^ ])", re.ASCII)


class _Parser:
    """A recursive descent parser: a method for each rule of the grammar above."""

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
        return -self.power() if negative else self.power()

    def power(self) -> Expression:
        base = self.value()
        if not (sign := self.take("**")):
            return base
        exponent = self.take("number")
        if exponent is None or not exponent.text.isdigit() or float(exponent.text) > MAX_POWER:
            raise self.error(f"a power is a whole number from 0 to {MAX_POWER}", exponent)
        return self.within_bounds(power(base, int(float(exponent.text))), sign)

    def value(self) -> Expression:
        if token := self.take("number"):
            return self.within_bounds(Number(float(token.text)), token)
        if token := self.take("name"):
            if self.take("("):
                return self.call(token)
            if token.text not in self.names:
                raise self.error(f"unknown name, the names are {' '.join(self.names)}", token)
            return self.names[token.text]
        if self.take("("):
            return self.rest_of_brackets()
        raise self.error("expected a name, a number or a function")

    def rest_of_brackets(self) -> Expression:
        inside = self.inside()
        if not self.take(")"):
            raise self.error("expected + - * / or )")
        return inside

    def inside(self) -> Expression:
        """A formula one level deeper."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(f"nested too deeply, at most {MAX_DEPTH} brackets")
        inside = self.formula()
        self.depth -= 1
        return inside

    def call(self, name: _Token) -> Expression:
        if name.text not in KNOWN:
            raise self.error(f"unknown function, the functions are {' '.join(KNOWN)}", name)
        arguments = [self.inside()]
        while self.take(","):
            arguments.append(self.inside())
        if not self.take(")"):
            raise self.error("expected + - * / , or )")
        least, most = _arity(name.text)
        if not least <= len(arguments) <= most:
            number = str(most) if least == most else f"{least} to {most}"
            raise self.error(f"it takes {number} argument{'s' if most > 1 else ''}, not {len(arguments)}", name)
        return Call(name.text, tuple(arguments))

    def combine(self, sign: _Token, left: Expression, right: Expression) -> Expression:
        if sign.kind == "/" and right == Number(0.0):
            raise self.error("division by zero", sign)
        return self.within_bounds(binary(sign.kind, left, right), sign)

    def within_bounds(self, result: Expression, token: _Token) -> Expression:
        size = abs(result.value) if isinstance(result, Number) else 0
        if size and not 1 / MAX_NUMBER <= size <= MAX_NUMBER:
            raise self.error(f"the size of a number must be 0 or from {1 / MAX_NUMBER:g} to {MAX_NUMBER:g}", token)
        return result


def _arity(function: str) -> tuple[int, int]:
    """The least and the largest number of a function's arguments."""
    if function in DEFINITIONS:
        arguments = DEFINITIONS[function].arguments
        return sum(default is None for default in arguments.values()), len(arguments)
    number = len(FUNCTIONS[function].slopes) if function in FUNCTIONS else 1
    return number, number
