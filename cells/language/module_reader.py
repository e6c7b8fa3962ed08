"""Reads a user's compiled module as formulas, if it does nothing but what formulas can do.

The reader follows the module's TorchScript graph, with trees in place of tensors. The module's own tensors (parameters,
buffers) become the names p0, p1, ... beside c h o. `cells.language.operations` says which formula an operation is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from cells.language.operations import COMPARISONS, OPERATIONS
from cells.language.parser import MAX_TOKENS
from cells.language.tree import Expression, Number, Variable, nodes


class UnreadableError(ValueError):
    """A module that no formulas stand for; the message says why."""


class Formulas(NamedTuple):
    """Equation 7 as formulas for current and hidden over c h o and p0, p1, ...

    Attributes:
        current: the formula for c.
        hidden: the formula for h.
        tensors: those that p0, p1, ... stand for.
        dtypes: those to which the module casts the states; the formulas hold only for cells of that dtype.
    """

    current: Expression
    hidden: Expression
    tensors: list[Tensor]
    dtypes: frozenset[torch.dtype] = frozenset()


def misfit(name: str, tensors: Sequence[Tensor], units: int) -> str:
    """Why the tensors of the module `name` fit no formula over `units` units; empty if they do.

    A tensor fits if it is a single number, or a row with a number for each unit: the same for all rows of a batch.
    """
    if all(tensor.shape in ((), (1,), (units,), (1, 1), (1, units)) for tensor in tensors):
        return ""
    return f"{name} has a tensor that is neither one number nor one for each unit"


@dataclass(eq=False)
class _Box:
    """A tensor in the module's code: its formula at this point, and whether the module may change it in place."""

    formula: Expression
    own: bool


_OWN_DTYPE = object()  # the dtype that the states and all tensors have, whichever it is
_DTYPES = {6: torch.float32, 7: torch.float64}  # by their numbers in TorchScript


class Reader:
    """The formulas of a module (c, h, o) -> (c, h).

    Args:
        module: compiled by TorchScript.
        name: how errors call it.

    Attributes:
        error: why the module cannot be read, or None.
    """

    def __init__(self, module: nn.Module, name: str) -> None:
        self.name = name
        self.facts: list[tuple[Any, str, Any]] = []  # attributes that the formulas depend on: owner, name, value
        self.places: list[tuple[Any, str]] = []  # of p0, p1, ...: owner, name
        self.dtypes: set[torch.dtype] = set()
        self.error: UnreadableError | None = None
        try:
            self.current, self.hidden = self._read(module)
        except UnreadableError as error:
            self.error = error

    def still_holds(self) -> bool:
        """Whether reading the module again would give the same formulas."""
        return all(owner._c.getattr(name) == value for owner, name, value in self.facts)

    def formulas(self) -> Formulas:
        """The formulas, with the tensors that the module has now. Raises UnreadableError."""
        if self.error is not None:
            raise self.error
        tensors = [owner._c.getattr(name) for owner, name in self.places]
        return Formulas(self.current, self.hidden, tensors, frozenset(self.dtypes))

    def _read(self, module: Any) -> tuple[Expression, Expression]:
        graph = module.inlined_graph
        given = (value.debugName() for value in graph.inputs())
        # The module may overwrite c and h, which nobody else uses; o is kept for the gradient of its sigmoid.
        states = [_Box(Variable(name), own=name != "o") for name in "cho"]
        (result,) = self._follow(graph, dict(zip(given, (module, *states), strict=True)))
        current, hidden = (self._lifted(altered) for altered in result)
        return current, hidden

    def _follow(self, block: Any, values: dict[str, Any]) -> list[Any]:
        """The values of the block's outputs."""
        for node in block.nodes():
            results = self._results(node, [values[value.debugName()] for value in node.inputs()], values)
            values.update(zip((value.debugName() for value in node.outputs()), results, strict=True))
        return [values[value.debugName()] for value in block.outputs()]

    def _results(self, node: Any, inputs: list[Any], values: dict[str, Any]) -> list[Any]:
        """The values of the node's outputs, given those of its inputs."""
        match node.kind(), inputs:
            case "prim::Constant", []:
                return [node.output().toIValue()]
            case "prim::GetAttr", [owner]:
                return [self._attribute(owner, node.s("name"))]
            case "prim::TupleConstruct", parts:
                return [tuple(parts)]
            case "prim::If", [bool(condition)]:
                yes, no = node.blocks()
                return self._follow(yes if condition else no, values)
            case "prim::dtype", [_Box()]:
                return [_OWN_DTYPE]
            case "aten::to", [_Box() as box, dtype, _, False, None] if dtype is _OWN_DTYPE or isinstance(dtype, _Box):
                return [box]
            case "aten::to", [_Box() as box, int(dtype), _, False, None] if dtype in _DTYPES:
                self.dtypes.add(_DTYPES[dtype])
                return [box]
            case (("aten::contiguous" | "aten::type_as"), [_Box() as box, _]):
                return [box]
            case "aten::clone", [_Box(formula), None]:
                return [_Box(formula, own=True)]
            case kind, [int() | float() as x, int() | float() as y] if kind in COMPARISONS:
                return [COMPARISONS[kind](x, y)]
            case kind, [_Box() as box, *_] if kind.endswith("_") and kind[:-1] in OPERATIONS:
                return [self._changed(box, kind[:-1], inputs)]
            case kind, arguments if kind in OPERATIONS:
                return [_Box(self._computed(kind, arguments), own=True)]
        raise UnreadableError(f"{self.name} uses {node.kind()}, which no formula has")

    def _attribute(self, owner: Any, name: str) -> Any:
        if name in owner._modules:
            return owner._modules[name]
        value = owner._c.getattr(name)  # Python's getattr might find a method of this name
        if not isinstance(value, Tensor):
            self.facts.append((owner, name, value))
            return value
        if (owner, name) not in self.places:
            self.places.append((owner, name))
        return _Box(Variable(f"p{self.places.index((owner, name))}"), own=False)

    def _changed(self, box: _Box, kind: str, arguments: list[Any]) -> _Box:
        """The box after an operation in place."""
        if not box.own:
            raise UnreadableError(f"{self.name} changes what is not its own by {kind}_")
        box.formula = self._computed(kind, arguments)
        return box

    def _computed(self, kind: str, arguments: list[Any]) -> Expression:
        """The formula of an operation's result."""
        expressions = [self._lifted(a) if isinstance(a, _Box | int | float) else a for a in arguments]
        try:
            result = OPERATIONS[kind](*expressions)
            size = _size(result)
        except (TypeError, ArithmeticError) as error:
            raise UnreadableError(f"{self.name} uses {kind} in a way that no formula does") from error
        if size > MAX_TOKENS:
            raise UnreadableError(f"{self.name} is longer than a formula may be")
        return result

    def _lifted(self, value: Any) -> Expression:
        """A value of the module's code as a formula."""
        if isinstance(value, _Box):
            return value.formula
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise UnreadableError(f"{self.name} uses {value!r} as a number")
        return Number(float(value))


def _size(formula: Expression) -> int:
    """The number of its nodes.

    Raises TypeError for a node that is not an expression, such as an option of a function.
    """
    every = list(nodes(formula))
    if not all(isinstance(node, Expression) for node in every):
        raise TypeError("not a formula")
    return len(every)
