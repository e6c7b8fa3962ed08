"""The alteration of a cell as the module that `cells.recurrence.Step` calls, whichever backend runs the cell."""

from cells.alterations import Alteration, Spec, resolve
from cells.torchscript.formula import Formula, shared_formula
from cells.torchscript.user_module import UserModule


def alteration_module(spec: Spec) -> Formula | UserModule:
    """Equation 7 as a module (c, h, o, i, f, g) -> (c, h), for whatever `cells.alterations.resolve` takes."""
    resolved = resolve(spec)
    return shared_formula(resolved) if isinstance(resolved, Alteration) else UserModule(resolved)
