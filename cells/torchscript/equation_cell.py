"""Equations as the module that `cells.recurrence.Step` calls, in Python that TorchScript can compile."""

import functools
import linecache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from cells.equations import GATES, CellEquations
from cells.recurrence import KnownCell
from cells.torchscript.compiler import COMPILING
from cells.torchscript.printer import recurrent_text, step_text

OBSERVED = ("current", "hidden", *GATES)
"""The results of the method `states`."""

Values = tuple[tuple[str, float], ...]


class EquationCell(nn.Module):
    """The cell of `CellEquations`, as `cells.recurrence.Step` takes it; use `equation_cell` to make one.

    Without noise and masks, as in evaluation, it is the cell with their means in place of them.

    Attributes:
        name: how users call the cell.
        equations: of the cell.
        at_mean: those with their means in place of noise and masks.
        learned: names of coefficients, with their initial values.
        noise: names that are drawn at each step, with the probability of a 1.
        masks: names that are drawn once for all steps, likewise.
    """

    if TYPE_CHECKING:  # for TorchScript, annotations of a class are declarations of its own
        name: str
        equations: CellEquations
        at_mean: CellEquations
        learned: list[tuple[str, float]]
        noise: list[tuple[str, float]]
        masks: list[tuple[str, float]]
        arguments: tuple[str, CellEquations, Values]

    why_eager = ""
    """It can always be compiled."""

    def known(self) -> KnownCell:
        """The cell while it is trained."""
        return KnownCell(self.equations, [])

    def known_at_mean(self) -> KnownCell:
        """The cell in evaluation."""
        return KnownCell(self.at_mean, [])

    def __reduce__(self) -> Any:
        return equation_cell, self.arguments, self.__dict__  # the class is made again from the equations


def equation_cell(name: str, equations: CellEquations, values: Values = ()) -> EquationCell:
    """The cell as a module.

    Args:
        name: how users call the cell.
        equations: of the cell.
        values: the initial values of its learned coefficients, and the means of its noise and masks.
    """
    with COMPILING:
        cell: EquationCell = _class(name, equations, values)()
    return cell


@functools.cache
def _class(name: str, equations: CellEquations, values: Values) -> type[EquationCell]:
    """The one class of these arguments, so that all layers with it share the code that TorchScript compiles."""
    known = dict(values)
    facts: dict[str, Any] = {
        group: [(name, known[name]) for name in names if name in known]
        for group, names in (
            ("learned", equations.learned),
            ("noise", equations.noise),
            ("masks", equations.masks),
        )
    }
    drawn = dict(facts["noise"] + facts["masks"])
    at_mean = equations.at(drawn) if drawn else equations
    facts |= {"name": name, "equations": equations, "at_mean": at_mean, "arguments": (name, equations, values)}
    texts = (
        step_text("forward", OBSERVED[:2], equations, at_mean),
        step_text("states", OBSERVED, equations, at_mean),
        recurrent_text("recurrent", equations, at_mean),
    )
    return type("EquationCell", (EquationCell,), facts | _methods("".join(texts)))


def _methods(text: str) -> dict[str, Any]:
    """The functions that a text of the printer defines.

    The text is printed from trees, so no word of a user is in it but the names that they declared.
    """
    file = f"<equations {next(_numbers)}>"
    # TorchScript reads the functions' source, as do tracebacks.
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    made: dict[str, Any] = {}
    exec(compile(text, file, "exec"), {"torch": torch, "Tensor": Tensor}, made)
    return made


_numbers = iter(range(1 << 62))
