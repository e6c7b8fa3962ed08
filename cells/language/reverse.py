"""Reverse mode: from assignments to the assignments that compute their gradients."""

from collections.abc import Mapping, Sequence

from cells.language.functions import FUNCTIONS
from cells.language.parser import parse
from cells.language.program import expanded
from cells.language.tree import (
    Binary,
    Call,
    Expression,
    Guarded,
    Negative,
    Number,
    Power,
    Variable,
    names_in,
    nodes,
    power,
)

ZERO, ONE = Number(0.0), Number(1.0)


def gradients(
    assignments: Sequence[tuple[str, Expression]], seeds: Mapping[str, Expression]
) -> tuple[list[tuple[str, Expression]], dict[str, Expression]]:
    """The gradients of a loss by every name, given those by the names that the loss reads.

    Args:
        assignments: in order, as in `program.Program`.
        seeds: for names that the loss reads, the loss's gradient by them beside what comes through the assignments.

    Returns:
        Assignments to be carried out after the given ones (they read the same names; their own begin with "_d_"), and
        the gradient by each name on which an assignment depends.
    """
    reverse = _Reverse(seeds)
    for name, formula in reversed(assignments):
        reverse.through(name, expanded(formula))
    return reverse.assignments, reverse.found


class _Reverse:
    """The state of reverse mode: gradients found so far, and the assignments that compute them.

    Attributes:
        found: the gradient by each name.
        unbounded: the assigned gradients that may be infinite or NaN. The one by a name is taken to be finite: poles
            are dealt with inside the formula that has them.
    """

    def __init__(self, seeds: Mapping[str, Expression]) -> None:
        self.found = dict(seeds)
        self.assignments: list[tuple[str, Expression]] = []
        self.unbounded: set[str] = set()

    def through(self, name: str, formula: Expression) -> None:
        """Hand the gradient by `name` on to the names in its formula."""
        if self.found.get(name, ZERO) == ZERO:
            return
        gradient_by = {formula: self.found[name]}
        order = list(dict.fromkeys(nodes(formula)))
        for number, node in enumerate(reversed(order)):
            gradient = gradient_by.get(node, ZERO)
            if gradient == ZERO or not names_in(node):
                continue
            if isinstance(node, Variable):
                self.found[node.name] = self.found.get(node.name, ZERO) + gradient
                continue
            gradient = self._named(f"_d_{name}_{number}" if number else f"_d_{name}", gradient, inner=number > 0)
            value = Variable(name) if node == formula else node
            for part, slope in _slopes(node, value):
                gradient_by[part] = gradient_by.get(part, ZERO) + self._product(gradient, slope)

    def _named(self, name: str, gradient: Expression, inner: bool) -> Expression:
        """A name for a gradient that is read more than once; a variable or a number needs none."""
        if isinstance(gradient, Variable | Number):
            return gradient
        self.assignments.append((name, gradient))
        if inner and self._may_be_infinite(gradient):
            self.unbounded.add(name)
        return Variable(name)

    def _product(self, gradient: Expression, slope: Expression) -> Expression:
        """gradient * slope; 0 where one factor is 0 and the other infinite or NaN, as at a pole."""
        match slope:
            case Number(1.0):
                return gradient
            case Number(-1.0):
                return -gradient
            case Number():
                return gradient * slope
        if _has_pole(slope) or self._may_be_infinite(gradient):
            return Guarded(gradient, slope)
        return gradient * slope

    def _may_be_infinite(self, gradient: Expression) -> bool:
        return any(
            isinstance(node, Guarded) or (isinstance(node, Variable) and node.name in self.unbounded)
            for node in nodes(gradient)
        )


def _slopes(node: Expression, value: Expression) -> list[tuple[Expression, Expression]]:
    """The expressions directly below a node, each with the node's derivative by it; `value` stands for the node."""
    match node:
        case Negative(u):
            return [(u, Number(-1.0))]
        case Binary("+", u, v):
            return [(u, ONE), (v, ONE)]
        case Binary("-", u, v):
            return [(u, ONE), (v, Number(-1.0))]
        case Binary("*", u, v):
            return [(u, v), (v, u)]
        case Binary("/", u, v):
            return [(u, ONE / v), (v, -value / v)]
        case Power(u, exponent):
            return [(u, Number(float(exponent)) * power(u, exponent - 1))]
        case Call(function, arguments):
            names = dict(zip("xy", arguments, strict=False)) | {"value": value}
            slopes = FUNCTIONS[function].slopes
            return [(u, parse(slope, names)) for u, slope in zip(arguments, slopes, strict=True)]
    raise TypeError(f"no rule for {type(node).__name__}")


def _has_pole(formula: Expression) -> bool:
    """Whether finite values of the names can make the formula infinite or NaN."""
    return any(
        (isinstance(node, Binary) and node.op == "/" and not isinstance(node.right, Number))
        or (isinstance(node, Call) and FUNCTIONS[node.function].has_pole)
        for node in nodes(formula)
    )
