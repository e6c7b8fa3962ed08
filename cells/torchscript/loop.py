"""How a recurrence runs here: compiled by TorchScript, or in Python where that is impossible."""

import functools
import weakref
from typing import Any

import torch
from torch import nn

from cells.eager.step_by_step import step_by_step
from cells.recurrence import Recurrence, step_of
from cells.surroundings import follower
from cells.torchscript.compiler import COMPILING, compiled, why_broken, without_hooks

_compiled: weakref.WeakKeyDictionary[nn.Module, torch.jit.ScriptModule] = weakref.WeakKeyDictionary()


def loop(recurrence: Recurrence) -> str:
    """How the recurrence runs now: "compiled", or "eager" where Python has to go step by step.

    That is where TorchScript cannot compile a user's module or anything, where something follows every operation, and
    under autocast, see `cells.autocast.suspended`.
    """
    in_python = follower() or torch._C._is_any_autocast_enabled() or step_of(recurrence).cell.why_eager or why_broken()
    return "eager" if in_python else "compiled"


def runner(recurrence: Recurrence) -> Any:
    """The function that runs the recurrence: its compiled form, which shares a user's tensors, or else itself."""
    if loop(recurrence) == "eager":
        return functools.partial(step_by_step, recurrence)
    script = _compiled.get(recurrence)
    return _compile(recurrence) if script is None else script


def _compile(recurrence: Recurrence) -> torch.jit.ScriptModule:
    with COMPILING:
        if recurrence not in _compiled:
            _compiled[recurrence] = compiled(without_hooks(recurrence))
        return _compiled[recurrence]
