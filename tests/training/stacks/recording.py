"""A recorder that stands in for CUDA graphs where there is no GPU: it notes a step's operators, and runs them again.

As for a CUDA graph, recording leaves everything as it was, nothing of Python runs when the step is taken again, every
operator then reads and writes the very tensors that it had, and what a capture refuses is refused: waiting for the
device, for a number or for the size of a result, and copies between it and the CPU.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from pretend_device import COPYING, INDEXING, READING, base_name, by_name, leaves, written
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from cells import backend


class Notes(TorchDispatchMode):
    """Notes the operators that run inside the `with` statement, and how everything was that they changed."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, tuple[Any, ...], dict[str, Any], Any]] = []
        self.before: list[Callable[[], object]] = []

    def __torch_dispatch__(self, operator: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        refuse(operator, args, kwargs)
        named = by_name(operator, args, kwargs)
        for name in written(operator):
            for tensor in leaves(named.get(name)):
                self.before.append(restoring(tensor))
        for value in leaves([args, list(kwargs.values())]):
            if isinstance(value, torch._C.Generator):
                self.before.append(functools.partial(value.set_state, value.get_state()))
        result = operator(*args, **kwargs)
        self.calls.append((operator, args, kwargs, result))
        return result

    @torch.no_grad()
    def take(self) -> None:
        """Run the operators again."""
        for operator, args, kwargs, noted in self.calls:
            result = operator(*args, **kwargs)
            if not any(returned.alias_info for returned in operator._schema.returns):  # else it is where it was
                for into, values in zip(leaves(noted), leaves(result), strict=True):
                    if isinstance(into, Tensor):
                        into.copy_(values)


def restoring(tensor: Tensor) -> Callable[[], object]:
    values = tensor.detach().clone()
    return lambda: tensor.detach().copy_(values)


SIZED = {"repeat_interleave", "bincount", "unique", "_unique", "_unique2", "unique_consecutive", "unique_dim"}
"""Operators whose results have a size that only the device knows, beside those in READING."""


def refuse(operator: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Raise what a capture raises."""
    name, given = base_name(operator), [t for t in leaves([args, list(kwargs.values())]) if isinstance(t, Tensor)]
    devices = {tensor.device.type for tensor in given}
    if name in COPYING:
        devices.add(torch.device(kwargs.get("device") or given[0].device).type)
    by_mask = name in INDEXING and any(isinstance(i, Tensor) and i.dtype == torch.bool for i in args[1])
    if name in READING | SIZED or by_mask or len(devices) > 1:
        raise RuntimeError(f"operation not permitted when stream is capturing: {operator}")


class StandIn:
    """See `training.stacks.recorded.Recorder`.

    Attributes:
        recorded: the number of steps recorded.
        taken: the number of recorded steps taken.
    """

    def __init__(self) -> None:
        self.recorded = self.taken = 0

    def warm_up(self, step: Callable[[], Tensor]) -> Tensor:
        with backend("eager"):
            return step()

    def record(
        self, step: Callable[[], Tensor], generators: Sequence[torch.Generator]
    ) -> tuple[Tensor, Callable[[], None]]:
        self.recorded += 1
        notes = Notes()
        try:
            with backend("eager"), notes:
                result = step()
        finally:
            for restore in reversed(notes.before):
                restore()

        def take() -> None:
            self.taken += 1
            notes.take()

        return result, take
