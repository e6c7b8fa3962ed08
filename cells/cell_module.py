"""The equations of a cell as the module that `cells.recurrence.Step` calls, whichever backend runs the cell."""

from cells.alterations import Alteration, Spec, resolve
from cells.torchscript.equation_cell import EquationCell, equation_cell
from cells.torchscript.user_module import UserModule


def cell_module(spec: Spec) -> EquationCell | UserModule:
    """The module of the cell that `spec` stands for, which is whatever `cells.alterations.resolve` takes."""
    resolved = resolve(spec)
    if not isinstance(resolved, Alteration):
        return UserModule(resolved)
    values = resolved.learned + resolved.drawn_at_steps + resolved.drawn_once
    return equation_cell(resolved.name, resolved.cell, values)
