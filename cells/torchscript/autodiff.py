"""Operations whose derivatives by TorchScript are not autograd's, exchanged for equal ones that it leaves to autograd.

Where autograd chooses by a condition, TorchScript multiplies by 0 or 1, and 0 times the infinite slope of a square root
is NaN. For max and min of equal numbers its derivatives are 0 and not 1/2, and that of softplus cancels.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch

IN_PLACE = ("relu", "relu6", "hardswish", "threshold")
"""TorchScript has no derivatives for operations in place, so each is exchanged for that on a copy."""


def leave_to_autograd(graph: Any) -> None:
    """Exchange them in a graph of TorchScript and in what it calls, which becomes a part of it."""
    torch._C._jit_pass_inline(graph)
    for node in list(_nodes(graph)):
        name = node.kind().removeprefix("aten::")
        exchange = _EXCHANGES.get(name)
        tensors = [value for value in node.inputs() if isinstance(value.type(), torch._C.TensorType)]
        if exchange is None or len(tensors) != _TENSORS.get(name, len(tensors)):
            continue
        graph.setInsertPoint(node)
        node.output().replaceAllUsesWith(exchange(_Writer(graph), name, *node.inputs()))
        node.destroy()
    torch._C._jit_pass_lint(graph)


class _Writer:
    """Writes operations into a graph: `write.neg(x)`."""

    def __init__(self, graph: Any) -> None:
        self.graph = graph

    def constant(self, value: object) -> Any:
        return self.graph.insertConstant(value)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *inputs: self.graph.insertNode(self.graph.create(f"aten::{name}", list(inputs), 1)).output()


def _on_a_copy(write: _Writer, name: str, x: Any, *others: Any) -> Any:
    return getattr(write, f"{name}_")(write.clone(x, write.constant(None)), *others)


def _maximum(write: _Writer, name: str, x: Any, y: Any) -> Any:
    return getattr(write, f"{name}imum")(x, y)


def _where(write: _Writer, _: str, condition: Any, x: Any, y: Any) -> Any:
    nothing = write.constant(-0.0)  # with 0.0 the sum would lose the sign of -0.0
    of_x = write.masked_fill(x, write.logical_not(condition), nothing)
    return write.add(of_x, write.masked_fill(y, condition, nothing), write.constant(1))


def _clamp(write: _Writer, name: str, x: Any, low: Any, high: Any) -> Any:
    for bound, way in ((low, "min"), (high, "max")):
        if isinstance(bound.type(), torch._C.OptionalType):
            return _on_a_copy(write, name, x, low, high)  # whether there is a bound is seen when the code runs
        if not isinstance(bound.type(), torch._C.NoneType):
            x = getattr(write, f"clamp_{way}")(x, bound)
    return x


def _softplus(write: _Writer, _: str, x: Any, beta: Any, threshold: Any) -> Any:
    return write.div(write.neg(write.log_sigmoid(write.neg(write.mul(x, beta)))), beta)


_EXCHANGES: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(IN_PLACE, _on_a_copy),
    **{"max": _maximum, "min": _maximum, "where": _where, "clamp": _clamp, "softplus": _softplus},
}

_TENSORS = {"max": 2, "min": 2, "where": 3}
"""The number of tensors among the arguments, where an operation has forms with other arguments."""


def _nodes(block: Any) -> Iterator[Any]:
    """Every node, also those inside loops and conditions."""
    for node in block.nodes():
        yield node
        for inner in node.blocks():
            yield from _nodes(inner)
