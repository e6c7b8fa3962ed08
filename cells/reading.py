"""Reads an alteration as formulas, a user's module too where it does nothing but what formulas can do.

Then it is elementwise by construction, and the fast path takes it, with gradients that come from the formulas. The
module's tensors (parameters, buffers) become names p0, p1, ... beside c h o. What was read is checked by a probe: the
formulas have to give what the module gives for random values.
"""

import functools
import operator
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from cells.alterations import Alteration, resolve
from cells.formula import FUNCTIONS, MAX_TOKENS, NAMES, Call, Expression, Number, Variable, parse
from cells.recurrence import Formula, Hook


class UnreadableError(ValueError):
    """Why no formulas stand for a module."""


class Reading(NamedTuple):
    """Formulas for c and h over c h o i f g and p0, p1, ..., which stand for `tensors`."""

    current: Expression
    hidden: Expression
    tensors: list[Tensor]


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


_readers: "weakref.WeakKeyDictionary[nn.Module, _Reader]" = weakref.WeakKeyDictionary()


class _Reader:
    """Follows the graph of a compiled module, with expressions for its tensors."""

    def __init__(self, hook: Hook) -> None:
        self.name = hook.name
        self.facts: list[tuple[Any, str, Any]] = []  # attributes on which the reading depends: owner, name, value
        self.places: list[tuple[Any, str]] = []  # of p0, p1, ...: owner, name
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
        return Reading(self.current, self.hidden, [owner._c.getattr(name) for owner, name in self.places])

    def _formulas(self, module: Any) -> tuple[Expression, Expression]:
        graph = module.inlined_graph
        given = (value.debugName() for value in graph.inputs())
        (result,) = self._follow(graph, dict(zip(given, (module, *(NAMES[name] for name in "cho")), strict=True)))
        current, hidden = (_lifted(altered) for altered in result)
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
            case kind, arguments if kind in _OPERATIONS:
                return [self._computed(kind, arguments)]
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
        return Variable(f"p{self.places.index((owner, name))}")

    def _computed(self, kind: str, arguments: list[Any]) -> Expression:
        expressions = [_lifted(argument) for argument in arguments]
        try:
            result: Expression = _OPERATIONS[kind](*expressions)
        except (TypeError, ArithmeticError) as error:
            raise UnreadableError(f"{self.name} uses {kind} in a way that no formula does") from error
        if _size(result) > MAX_TOKENS:
            raise UnreadableError(f"{self.name} is longer than a formula may be")
        return result

    def _probe(self, module: Any) -> None:
        """Raises UnreadableError if the formulas do not give what the module gives, for random states."""
        current, hidden, tensors = self.reading()
        width = max((tensor.size(-1) for tensor in tensors if tensor.dim()), default=1)
        if any(tensor.shape not in ((), (1,), (width,)) for tensor in tensors):
            raise UnreadableError(f"{self.name} has a tensor that is neither one number nor one for each unit")
        generator = torch.Generator().manual_seed(0)
        like = tensors[0] if tensors else torch.empty(0)
        states = [(4 * torch.rand(5, width, generator=generator) - 2).to(like) for _ in "cho"]
        names = ", ".join(f"{name}: Tensor" for name in [*"cho", *(f"p{k}" for k in range(len(tensors)))])
        code = f"def formulas({names}):\n    return {current.tensor_code()}, {hidden.tensor_code()}\n"
        with torch.no_grad():
            found = torch.jit.CompilationUnit(code).formulas(*states, *tensors)
            wanted = module(*states)
        for one, other in zip(found, wanted, strict=True):
            if one.shape != other.shape or not torch.allclose(one, other, equal_nan=True):
                raise UnreadableError(f"{self.name} does not give what the formulas {current}; {hidden} give")


def _lifted(value: Any) -> Expression:
    if isinstance(value, Expression):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnreadableError(f"uses {value!r} as a number")
    return Number(float(value))


def _size(expression: Expression) -> int:
    return 1 + sum(_size(part) for part in vars(expression).values() if isinstance(part, Expression))


def _power(x: Expression, exponent: Expression) -> Expression:
    if exponent != Number(2.0):
        raise TypeError("only squares are in the language")
    return Call("square", x)


def _softplus(x: Expression, beta: Expression, threshold: Expression) -> Expression:
    if (beta, threshold) != (_ONE, Number(20.0)):
        raise TypeError("only the usual softplus is in the language")
    return Call("softplus", x)


_ONE = Number(1.0)

# TorchScript's operations that formulas have. What else a module may do has no entry, such as what changes a tensor.
_OPERATIONS: dict[str, Callable[..., Expression]] = {
    **{f"aten::{name}": functools.partial(Call, name) for name in FUNCTIONS},
    "aten::add": lambda x, y, alpha=_ONE: x + alpha * y,
    "aten::sub": lambda x, y, alpha=_ONE: x - alpha * y,
    "aten::rsub": lambda x, y, alpha=_ONE: y - alpha * x,
    "aten::mul": operator.mul,
    "aten::div": operator.truediv,
    "aten::neg": operator.neg,
    "aten::reciprocal": lambda x: _ONE / x,
    "aten::pow": _power,
    "aten::softplus": _softplus,
}
