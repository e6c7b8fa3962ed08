"""Reads an alteration as formulas, a user's module too where it does nothing but what formulas can do.

Then it is elementwise by construction, and the fast path takes it, with gradients that come from the formulas. The
module's tensors (parameters, buffers) become names p0, p1, ... beside c h o. What was read is checked by a probe: the
formulas have to give what the module gives for random values. `cells.language.operations` has the words.
"""

import functools
import math
import weakref
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from cells.alterations import Alteration, resolve
from cells.language.formula import MAX_TOKENS, NAMES, Expression, Number, Variable, parse
from cells.language.operations import COMPARISONS, OPERATIONS
from cells.recurrence import Formula, Hook


class UnreadableError(ValueError):
    """Why no formulas stand for a module."""


class Reading(NamedTuple):
    """Formulas for c and h over c h o i f g and p0, p1, ..., which stand for `tensors`."""

    current: Expression
    hidden: Expression
    tensors: list[Tensor]
    dtypes: frozenset[torch.dtype] = frozenset()  # to which it casts the states: it is for cells of these alone


def read(alter: nn.Module) -> Reading:
    """The formulas of a `Formula` or `Hook`. Raises UnreadableError."""
    if isinstance(alter, Formula):
        return _formulas(alter.name)
    if not isinstance(alter, Hook) or alter.why_eager:
        raise UnreadableError(f"the alteration {type(alter).__name__} runs in Python")
    reader = _readers.get(alter)
    if reader is None or not reader.still_holds():
        reader = _readers[alter] = _Reader(alter)
    return reader.reading()


@functools.cache
def _formulas(name: str) -> Reading:
    alteration = resolve(name)
    assert isinstance(alteration, Alteration)
    return Reading(parse(alteration.current or "c"), parse(alteration.hidden or "h"), [])


def is_one_for_each_unit(tensor: Tensor, units: int) -> bool:
    """Whether a tensor is one number, or a row of one for each unit: what the fast path can spread over a batch."""
    return tensor.shape in ((), (1,), (units,), (1, 1), (1, units))


class Written(nn.Module):
    """(c, h, o, i, f, g) -> (c, h) by what was read of a module, where p0, p1, ... are `values`."""

    def __init__(self, reading: Reading, values: list[Tensor]) -> None:
        super().__init__()
        self.values = values
        names = ", ".join(f"{name}: Tensor" for name in [*"cho", *(f"p{k}" for k in range(len(values)))])
        results = f"{reading.current.tensor_code()}, {reading.hidden.tensor_code()}"
        self.compiled = torch.jit.CompilationUnit(f"def formulas({names}):\n    return {results}\n")

    def forward(self, c: Tensor, h: Tensor, o: Tensor, *_: Tensor) -> tuple[Tensor, Tensor]:
        """The altered (c, h)."""
        result: tuple[Tensor, Tensor] = self.compiled.formulas(c, h, o, *self.values)
        return result


@dataclass(eq=False)
class _Box:
    """A tensor in the module's code: what it holds now, and whether the module may change it in place."""

    formula: Expression
    own: bool


_readers: "weakref.WeakKeyDictionary[nn.Module, _Reader]" = weakref.WeakKeyDictionary()
_OWN_DTYPE = object()  # that of the states and of all tensors, whichever it is
_DTYPES = {6: torch.float32, 7: torch.float64}  # by their numbers in TorchScript


class _Reader:
    """Follows the graph of a compiled module, with expressions for its tensors."""

    def __init__(self, hook: Hook) -> None:
        self.name = hook.name
        self.facts: list[tuple[Any, str, Any]] = []  # attributes on which the reading depends: owner, name, value
        self.places: list[tuple[Any, str]] = []  # of p0, p1, ...: owner, name
        self.dtypes: set[torch.dtype] = set()
        self.error: UnreadableError | None = None
        try:
            self.current, self.hidden = self._formulas(hook.module)
            self._probe(hook.module)
        except UnreadableError as error:
            self.error = error

    def still_holds(self) -> bool:
        """Whether the module would be read alike now."""
        return all(owner._c.getattr(name) == value for owner, name, value in self.facts)

    def reading(self) -> Reading:
        """What was read, with the module's tensors of now. Raises UnreadableError."""
        if self.error is not None:
            raise self.error
        tensors = [owner._c.getattr(name) for owner, name in self.places]
        return Reading(self.current, self.hidden, tensors, frozenset(self.dtypes))

    def _formulas(self, module: Any) -> tuple[Expression, Expression]:
        graph = module.inlined_graph
        given = (value.debugName() for value in graph.inputs())
        # c and h are nobody else's, but o is kept for the gradient of its sigmoid.
        states = [_Box(NAMES[name], own=name != "o") for name in "cho"]
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
        if not box.own:
            raise UnreadableError(f"{self.name} changes what is not its own by {kind}_")
        box.formula = self._computed(kind, arguments)
        return box

    def _computed(self, kind: str, arguments: list[Any]) -> Expression:
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
        if isinstance(value, _Box):
            return value.formula
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise UnreadableError(f"{self.name} uses {value!r} as a number")
        return Number(float(value))

    def _probe(self, module: Any) -> None:
        """Raises UnreadableError if the formulas do not give what the module gives, for random states."""
        reading = self.reading()
        tensors = reading.tensors
        width = max((tensor.size(-1) for tensor in tensors if tensor.dim()), default=1)
        if not all(is_one_for_each_unit(tensor, width) for tensor in tensors):
            raise UnreadableError(f"{self.name} has a tensor that is neither one number nor one for each unit")
        generator = torch.Generator().manual_seed(0)
        like = tensors[0] if tensors else torch.empty(0, dtype=next(iter(self.dtypes), torch.float32))
        states = [(4 * torch.rand(5, width, generator=generator) - 2).to(like) for _ in "cho"]
        try:
            with torch.no_grad():
                found = Written(reading, tensors)(*states)
                wanted = module(*(state.clone() for state in states))
        except RuntimeError as error:
            raise UnreadableError(f"{self.name} fails for random states") from error
        for one, other in zip(found, wanted, strict=True):
            if one.shape != other.shape or not torch.allclose(one.double(), other.double(), equal_nan=True):
                formulas = f"{reading.current}; {reading.hidden}"
                raise UnreadableError(f"{self.name} does not give what the formulas {formulas} give")


def _size(expression: Expression) -> int:
    """The number of its pieces. Raises TypeError for a piece that is no expression, such as an option of a function."""
    parts = [value for key, value in vars(expression).items() if key not in ("op", "function", "name", "value")]
    return 1 + sum(_size(part) for part in parts)
