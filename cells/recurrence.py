"""The cell's equations, once (`Step`), and the loop over time, once (`Unroll`), both compiled by TorchScript.

In this file the states come in the order c, h of the paper and the alterations; torch's h, c begins in
`cells.lstm`. Batches lie as in a PackedSequence: longest row first, all rows of step 0, then those of step 1
that are still running, and so on; `sizes[t]` says how many they are.
"""

import functools
import io
import logging
import weakref
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn import functional as F

from cells.alterations import Alteration, Spec, resolve
from cells.language.formula import parse

log = logging.getLogger(__name__)


class Formula(torch.jit.ScriptModule):
    """(c, h, o, i, f, g) -> (c, h) of an `Alteration`, compiled from its formulas."""

    def __init__(self, alteration: Alteration) -> None:
        super().__init__()
        self.name = alteration.name
        self.define(_source(alteration))

    # It holds no tensor, so copies share it; a pickle holds its name.
    def __deepcopy__(self, memo: dict[int, Any]) -> "Formula":
        return self

    def __reduce__(self) -> Any:
        return shared_formula, (resolve(self.name),)


@functools.cache
def shared_formula(alteration: Alteration) -> Formula:
    """The one Formula of an alteration, so that all cells with it share the compiled code."""
    # A class of its own, because torch compiles what __init__ defines once per class.
    return type("Formula", (Formula,), {})(alteration)


def _source(alteration: Alteration) -> str:
    formulas = (alteration.current or "c", alteration.hidden or "h")
    current, hidden = (parse(formula).tensor_code() for formula in formulas)
    tensors = ", ".join(f"{name}: Tensor" for name in "choifg")
    return f"def forward(self, {tensors}) -> Tuple[Tensor, Tensor]:\n    return {current}, {hidden}\n"


class Hook(nn.Module):
    """(c, h, o, i, f, g) -> (c, h) of a user's module (c, h, o) -> (c, h).

    The module is compiled when it is given: parameters and buffers are shared with the original, but a Python
    attribute set on it later goes unnoticed. If TorchScript cannot compile it, `why_eager` says why.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.name = getattr(module, "original_name", type(module).__name__)
        self.why_eager = ""
        self.module = module
        try:
            torch.jit.script(self)
            self.module = torch.jit.script(module)
        except Exception as error:  # whatever the compiler meets in code it does not know
            reason = _reasons.setdefault(type(module), _first_line(error))
            self.why_eager = f"TorchScript cannot compile {self.name} ({reason})"
            log.warning("%s, so the loop over time runs in Python", self.why_eager)

    def forward(self, c: Tensor, h: Tensor, o: Tensor, i: Tensor, f: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        """The altered (c, h). Raises ValueError if the module changes their shape."""
        altered_c, altered_h = self.module(c, h, o)
        if altered_c.shape != c.shape or altered_h.shape != h.shape:
            raise ValueError("an alteration must return c and h in the shape it got them")
        return altered_c, altered_h

    # A compiled module cannot be pickled: it travels as its TorchScript archive.
    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        if not self.why_eager:
            archive = io.BytesIO()
            torch.jit.save(self.module, archive)
            state["_modules"] = {"module": archive.getvalue()}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if not self.why_eager:
            self._modules["module"] = torch.jit.load(io.BytesIO(state["_modules"]["module"]))


# Why a class could not be compiled: the compiler says so the first time only.
_reasons: dict[type[nn.Module], str] = {}


def _first_line(error: Exception) -> str:
    lines = [line.strip(" :") for line in str(error).splitlines()]
    return next(filter(None, lines), type(error).__name__)


class Step(nn.Module):
    """One step of the cell.

    i, f, o = sigmoid(...), g = tanh(...)     equations 1-4; `gates` is what stands in the brackets
    c = f * c + i * g                         equation 5
    h = o * tanh(c)                           equation 6
    c, h = alteration(c, h, o, i, f, g)       equation 7, Table 1
    """

    def __init__(self, alteration: Spec) -> None:
        super().__init__()
        resolved = resolve(alteration)
        alter = shared_formula(resolved) if isinstance(resolved, Alteration) else Hook(resolved)
        self.alteration = str(alter.name)
        self.alter: nn.Module = alter

    def forward(self, gates: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """-> c, h of this step; gates [.., 4 H] come in torch's order i f g o, all states are [.., H]."""
        # Not chunk: where a gate gets no gradient, TorchScript's backward of chunk returns too few columns.
        i, f, g, o = gates.split(c.size(-1), -1)
        i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
        c = f * c + i * g
        h = o * torch.tanh(c)
        return self.alter(c, h, o, i, f, g)


class Weights(NamedTuple):
    """Of one layer in one direction, with torch's names and shapes."""

    ih: Tensor  # [4 H, I]
    hh: Tensor  # [4 H, H], or [4 H, P] with a projection to P
    bias_ih: Tensor | None  # [4 H]
    bias_hh: Tensor | None
    hr: Tensor | None  # [P, H]


class Unroll(nn.Module):
    """All steps of one layer: the reference, differentiated by TorchScript's own autograd.

    A row that has ended (in reverse: not begun) keeps its state, so one without any step ends as it began.
    """

    def __init__(self, step: Step) -> None:
        super().__init__()
        self.step = step

    def forward(
        self, rows: Tensor, sizes: list[int], c: Tensor, h: Tensor, weights: list[Weights]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """-> outputs [N, D H], final c and h [D, B, H], for the weights of D = 1 or 2 directions.

        rows [N, I] are the inputs of all N = sum(sizes) steps; c and h [D, B, H] are the initial states. With a
        projection, every h and the outputs have P in place of H.
        """
        outputs: list[Tensor] = []
        final_c: list[Tensor] = []
        final_h: list[Tensor] = []
        for direction, own in enumerate(weights):
            output, last_c, last_h = self._direction(rows, sizes, c[direction], h[direction], own, direction == 1)
            outputs.append(output)
            final_c.append(last_c)
            final_h.append(last_h)
        return torch.cat(outputs, 1), torch.stack(final_c), torch.stack(final_h)

    def _direction(
        self, rows: Tensor, sizes: list[int], c: Tensor, h: Tensor, weights: Weights, reverse: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        weight_ih, weight_hh, bias, bias_hh, weight_hr = weights
        if bias is not None and bias_hh is not None:
            bias = bias + bias_hh
        gates = F.linear(rows, weight_ih, bias).split(sizes)  # W_ih x + b of all steps in one product
        outputs: list[Tensor] = []
        for k in range(len(sizes)):
            t = len(sizes) - 1 - k if reverse else k
            n = sizes[t]
            step_c, step_h = self.step(torch.addmm(gates[t], h[:n], weight_hh.t()), c[:n])
            if weight_hr is not None:
                step_h = step_h @ weight_hr.t()
            outputs.append(step_h)
            c = torch.cat([step_c, c[n:]]) if n < c.size(0) else step_c
            h = torch.cat([step_h, h[n:]]) if n < h.size(0) else step_h
        if reverse:
            outputs.reverse()
        return torch.cat(outputs), c, h


def why_eager(module: nn.Module) -> str:
    """Why this Step or Unroll has to run in Python; empty if TorchScript runs it."""
    for part in module.modules():
        if reason := getattr(part, "why_eager", ""):
            return str(reason)
    return ""


_compiled: weakref.WeakKeyDictionary[nn.Module, torch.jit.ScriptModule] = weakref.WeakKeyDictionary()


def loop(module: nn.Module) -> str:
    """How a Step or Unroll runs now: compiled ("TorchScript"), or where that cannot be followed in Python ("eager")."""
    followed = torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0 or torch.jit.is_tracing()
    return "eager" if followed or why_eager(module) else "TorchScript"


def runner(module: nn.Module) -> Any:
    """What runs a Step or Unroll: its compiled form, which shares a hook's tensors, or else itself."""
    if loop(module) == "eager":
        return module
    if module not in _compiled:
        compiled = torch.jit.script(module)
        compiled.forward.__dict__.pop("__wrapped__", None)  # torch's link to the module would keep it alive
        _compiled[module] = compiled
    return _compiled[module]
