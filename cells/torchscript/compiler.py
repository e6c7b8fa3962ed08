"""TorchScript's compiler, as this backend uses it."""

import functools
import threading
import warnings
from collections import OrderedDict
from typing import Any

import torch
from torch import nn

from cells.errors import UserError
from cells.forking import held_over_forks
from cells.torchscript.autodiff import leave_to_autograd


class ScriptingError(UserError, RuntimeError):
    """Somebody asks TorchScript for what it cannot compile."""


COMPILING = held_over_forks(threading.RLock())
"""Held while TorchScript compiles: it fails where several threads compile one class at once."""


def compiled(module: nn.Module) -> torch.jit.ScriptModule:
    """The module compiled, with the derivatives that autograd has."""
    with COMPILING, warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`torch\.jit\.")  # that it will go some day; torch 2.14 shows it to users
        script = torch.jit.script(module)
        forward: Any = script.forward
        leave_to_autograd(forward.graph)
    # Torch's link to the module would keep it alive, and some of its tools follow it and run the module instead.
    forward.__dict__.pop("__wrapped__", None)
    return script


@functools.cache
def why_broken() -> str:
    """Why TorchScript cannot compile anything here, as torch says for Pythons from 3.14 on; empty if it can."""
    try:
        compiled(nn.Identity())
    except Exception as error:  # whatever torch raises, or does not have any more
        return first_line(error)
    return ""


def check_works(what: str) -> None:
    """Raise ScriptingError where TorchScript cannot compile anything, `what` included."""
    if reason := why_broken():
        raise ScriptingError(
            f"TorchScript does not work here ({reason}), so {what} cannot be compiled: "
            "use torch.export or ONNX, or Python 3.13 or older."
        )


def first_line(error: Exception) -> str:
    """The first line of an error's message that says something."""
    lines = [line.strip(" :") for line in str(error).splitlines()]
    return next(filter(None, lines), type(error).__name__)


def without_hooks(module: nn.Module) -> nn.Module:
    """The module with the same contents and no hooks, which are in Python and not for TorchScript."""
    if isinstance(module, torch.jit.ScriptModule):
        return module
    bare = type(module).__new__(type(module))
    bare.__dict__ = {**module.__dict__, **{name: OrderedDict() for name in _HOOKS}}
    bare._modules = {name: inner and without_hooks(inner) for name, inner in module._modules.items()}
    return bare


_HOOKS = [name for name, value in vars(nn.Module()).items() if name.endswith(("_hooks", "_with_kwargs", "_called"))]
