"""Formulas as modules (c, h, o, i, f, g) -> (c, h), compiled by TorchScript."""

import functools
from typing import Any

import torch
from torch import Tensor, nn

from cells.alterations import Alteration
from cells.language.module_reader import Formulas
from cells.language.tree import Variable
from cells.torchscript.printer import tensor_code


class Formula(torch.jit.ScriptModule):
    """(c, h, o, i, f, g) -> (c, h) of an `Alteration`; use `shared_formula` to make one."""

    why_eager = ""
    """It is always compiled."""

    def __init__(self, alteration: Alteration) -> None:
        super().__init__()
        self.name = alteration.name
        self.alteration = alteration
        names = ", ".join(f"{name}: Tensor" for name in "choifg")
        self.define(f"def forward(self, {names}) -> Tuple[Tensor, Tensor]:\n    return {_results(self.formulas())}\n")

    def formulas(self) -> Formulas:
        """Its formulas; that of a state that is not altered is the state."""
        alteration: Alteration = self.alteration
        return Formulas(alteration.current or Variable("c"), alteration.hidden or Variable("h"), [])

    # It holds no tensor, so copies share it, and a pickle holds the alteration alone.
    def __deepcopy__(self, memo: dict[int, Any]) -> "Formula":
        return self

    def __reduce__(self) -> Any:
        return shared_formula, (self.alteration,)


@functools.cache
def shared_formula(alteration: Alteration) -> Formula:
    """The one `Formula` of an alteration, so that all cells with it share the compiled code."""
    # A class of its own, because torch compiles what __init__ defines once per class.
    return type("Formula", (Formula,), {})(alteration)


class FormulaWithTensors(nn.Module):
    """(c, h, o, i, f, g) -> (c, h) by the formulas that were read of a user's module.

    Args:
        formulas: over c h o and p0, p1, ...
        values: of p0, p1, ..., in place of the formulas' own tensors.
    """

    def __init__(self, formulas: Formulas, values: list[Tensor]) -> None:
        super().__init__()
        self.name = "formulas"
        self.values = values
        names = ", ".join(f"{name}: Tensor" for name in [*"cho", *(f"p{k}" for k in range(len(values)))])
        self.compiled = torch.jit.CompilationUnit(f"def formulas({names}):\n    return {_results(formulas)}\n")

    def forward(self, c: Tensor, h: Tensor, o: Tensor, *_: Tensor) -> tuple[Tensor, Tensor]:
        """The altered (c, h)."""
        result: tuple[Tensor, Tensor] = self.compiled.formulas(c, h, o, *self.values)
        return result


def _results(formulas: Formulas) -> str:
    return f"{tensor_code(formulas.current)}, {tensor_code(formulas.hidden)}"
