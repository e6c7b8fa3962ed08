"""Programs: assignments in order, each of a formula over inputs and what was assigned before."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cells.language.functions import DEFINITIONS
from cells.language.parser import parse
from cells.language.tree import (
    Binary,
    Call,
    Expression,
    Number,
    Power,
    Variable,
    names_in,
    nodes,
    parts,
    rebuilt,
    with_parts,
)


@dataclass(frozen=True)
class Program:
    """Assignments, carried out one after the other, and what they compute.

    Attributes:
        assignments: names, each assigned once, with their formulas. No function in them has a definition of its own
            (see `functions.DEFINITIONS`), and no call or division occurs twice.
        results: formulas over the inputs and the assigned names.
    """

    assignments: tuple[tuple[str, Expression], ...]
    results: Mapping[str, Expression]

    @property
    def inputs(self) -> set[str]:
        """The names that are read and not assigned."""
        read: set[str] = set()
        for _, formula in self.assignments:
            read |= names_in(formula)
        for formula in self.results.values():
            read |= names_in(formula)
        return read - {name for name, _ in self.assignments}


def program(assignments: Iterable[tuple[str, Expression]], results: Mapping[str, Expression]) -> Program:
    """The program that computes the results, simplified.

    Definitions and numbers are filled in, common parts are computed once, and what no result needs is left out.
    """
    numbers: dict[str, Number] = {}

    def made(formula: Expression) -> Expression:
        return _with_numbers(expanded(formula), numbers)

    kept = []
    for name, formula in assignments:
        if isinstance(value := made(formula), Number):
            numbers[name] = value
        else:
            kept.append((name, value))
    wanted = {name: made(formula) for name, formula in results.items()}
    return _shared(_needed(kept, wanted), wanted)


def expanded(formula: Expression) -> Expression:
    """The formula with every function that has a definition replaced by it."""

    def change(node: Expression) -> Expression | None:
        if not isinstance(node, Call) or node.function not in DEFINITIONS:
            return None
        names, text = DEFINITIONS[node.function]
        given = dict(zip(names, map(expanded, node.arguments), strict=False))
        defaults = {name: Number(value) for name, value in names.items() if value is not None}
        return expanded(parse(text, defaults | given))

    return rebuilt(formula, change)


def _with_numbers(formula: Expression, numbers: Mapping[str, Number]) -> Expression:
    """The formula with numbers in place of the names that are known to be one."""
    return rebuilt(formula, lambda node: numbers.get(node.name) if isinstance(node, Variable) else None)


def _needed(
    assignments: list[tuple[str, Expression]], results: Mapping[str, Expression]
) -> list[tuple[str, Expression]]:
    """The assignments on which a result depends."""
    wanted = {name for formula in results.values() for name in names_in(formula)}
    kept = []
    for name, formula in reversed(assignments):
        if name in wanted:
            kept.append((name, formula))
            wanted |= names_in(formula)
    return kept[::-1]


def _shared(assignments: list[tuple[str, Expression]], results: dict[str, Expression]) -> Program:
    """The program in which each call, division and power that occurs more than once has a name."""
    formulas = [*(formula for _, formula in assignments), *results.values()]
    sharing = _Sharing(Counter(node for formula in formulas for node in nodes(formula)))
    for name, formula in assignments:
        sharing.assign(name, formula)
    shared = {name: sharing.of(formula) for name, formula in results.items()}
    return Program(tuple(sharing.assignments), shared)


class _Sharing:
    """Gives names to nodes that are computed more than once.

    Args:
        counts: how often each node occurs.
    """

    def __init__(self, counts: Counter[Expression]) -> None:
        self.counts = counts
        self.assignments: list[tuple[str, Expression]] = []
        self.known: dict[Expression, Expression] = {}
        self.named = 0  # number of nodes with a name so far

    def assign(self, name: str, formula: Expression) -> None:
        """Add an assignment; the formula's later occurrences read it."""
        self.assignments.append((name, self.known.get(formula) or self.with_shared_parts(formula)))
        if _is_costly(formula):
            self.known.setdefault(formula, Variable(name))

    def of(self, formula: Expression) -> Expression:
        """The formula with names in place of what is computed elsewhere."""
        if formula in self.known:
            return self.known[formula]
        if self.counts[formula] < 2 or not _is_costly(formula):
            return self.with_shared_parts(formula)
        self.named += 1
        self.assign(f"_{self.named}", formula)
        return self.known[formula]

    def with_shared_parts(self, formula: Expression) -> Expression:
        """The node itself, over names in place of what is computed elsewhere."""
        return with_parts(formula, tuple(map(self.of, parts(formula))))


def _is_costly(node: Expression) -> bool:
    return isinstance(node, Call | Power) or (isinstance(node, Binary) and node.op == "/")
