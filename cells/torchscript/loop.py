"""How a recurrence runs here: compiled by TorchScript, or in Python where that is impossible."""

import functools
import weakref
from typing import Any

import torch
from torch import nn
from torch.autograd import forward_ad

from cells.recurrence import Recurrence, step_of

_compiled: weakref.WeakKeyDictionary[nn.Module, torch.jit.ScriptModule] = weakref.WeakKeyDictionary()


def loop(recurrence: Recurrence) -> str:
    """How the recurrence runs now: "compiled", or "eager" where Python has to go step by step.

    That is where TorchScript cannot compile a user's module, and where a tracer, a transform of torch.func or a
    forward-mode derivative follows every operation.
    """
    followed = torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0 or torch.jit.is_tracing()
    return "eager" if followed or step_of(recurrence).cell.why_eager else "compiled"


def runner(recurrence: Recurrence) -> Any:
    """The function that runs the recurrence: its compiled form, which shares a user's tensors, or else itself."""
    if loop(recurrence) == "eager":
        return functools.partial(step_by_step, recurrence)
    if recurrence not in _compiled:
        compiled = torch.jit.script(recurrence)
        compiled.forward.__dict__.pop("__wrapped__", None)  # torch's link to the module would keep it alive
        _compiled[recurrence] = compiled
    return _compiled[recurrence]


def step_by_step(recurrence: Recurrence, *arguments: Any) -> Any:
    """The recurrence, run in Python."""
    # The cell's equations are compiled all the same, and TorchScript's own derivatives know no forward mode.
    with torch.jit.optimized_execution(False):
        return recurrence(*arguments)
