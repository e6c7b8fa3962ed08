"""Equations as the module that `cells.recurrence.Step` calls, compiled by TorchScript."""

import functools
from typing import Any

import torch

from cells.equations import GATES, CellEquations
from cells.recurrence import KnownCell
from cells.torchscript.printer import recurrent_text, step_text

OBSERVED = ("current", "hidden", *GATES)
"""The results of the method `states`."""


class EquationCell(torch.jit.ScriptModule):
    """The cell of `CellEquations`, as `cells.recurrence.Step` takes it; use `shared_cell` to make one.

    Without noise and masks, as in evaluation, it is the cell with their means in place of them.

    Args:
        name: how users call the cell.
        equations: of the cell.
        values: the initial values of its learned coefficients, and the means of its noise and masks.

    Attributes:
        learned: names of coefficients, with their initial values.
        noise: names that are drawn at each step, with the probability of a 1.
        masks: names that are drawn once for all steps, likewise.
    """

    why_eager = ""
    """It is always compiled."""

    def __init__(self, name: str, equations: CellEquations, values: tuple[tuple[str, float], ...]) -> None:
        super().__init__()
        self.name = name
        self.arguments = (name, equations, values)
        known = dict(values)
        self.learned, self.noise, self.masks = (
            [(name, known[name]) for name in names if name in known]
            for names in (equations.learned, equations.noise, equations.masks)
        )
        self.equations = equations
        self.at_mean = equations.at(dict(self.noise + self.masks)) if self.noise + self.masks else equations
        both = (equations, self.at_mean)
        self.define(step_text("forward", OBSERVED[:2], *both))
        self.define(step_text("states", OBSERVED, *both))
        self.define(recurrent_text("recurrent", *both))

    def known(self) -> KnownCell:
        """The cell while it is trained."""
        return KnownCell(self.equations, [])

    def known_at_mean(self) -> KnownCell:
        """The cell in evaluation."""
        return KnownCell(self.at_mean, [])

    # It holds no tensor, so copies share it, and a pickle holds the equations alone.
    def __deepcopy__(self, memo: dict[int, Any]) -> "EquationCell":
        return self

    def __reduce__(self) -> Any:
        return shared_cell, self.arguments


@functools.cache
def shared_cell(name: str, equations: CellEquations, values: tuple[tuple[str, float], ...] = ()) -> EquationCell:
    """The one `EquationCell` of these arguments, so that all layers with it share the compiled code."""
    # A class of its own, because torch compiles what __init__ defines once per class.
    return type("EquationCell", (EquationCell,), {})(name, equations, values)
