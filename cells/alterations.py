"""The 17 alterations of the paper's Table 1 as data, and how a user names one of them or writes another.

An alteration is the paper's equation 7. It stands behind the cell's own six, when this step's gates i f g o
(g is the paper's c~), its "Current" state c and its "Hidden" state h are all computed:

    CURRENT   c <- formula   the c handed to the next step and the final c_n; this step's output is untouched
    HIDDEN    h <- formula   this step's output, which is also the h handed to the next step

Where both are altered, both formulas read the unaltered c and h. The paper's sigma_g is the sigmoid and its
sigma_c the tanh.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Union

from cells.language.formula import parse

if TYPE_CHECKING:
    from torch import nn

CURRENT = {
    "C1": "c * o",
    "C2": "c * h",
    "C3": "c * o * h",
    "C4": "c + c * h",
    "C5": "c * sigmoid(o)",
    "C6": "c * sigmoid(c)",
    "C7": "c * sigmoid(h)",
    "C8": "h * sigmoid(c)",
    "C9": "c * tanh(o)",
    "C10": "c * tanh(c)",
    "C11": "c * tanh(h)",
    "C12": "h * tanh(c)",
}

HIDDEN = {
    "H1": "c * h",
    "H2": "h * sigmoid(c)",
    "H3": "c * sigmoid(h)",
    "H4": "h * tanh(c)",
    "H5": "c * tanh(h)",
}

Spec = Union[str, "Alteration", "nn.Module", None]


@dataclass(frozen=True)
class Alteration:
    """The formulas of one cell; None leaves that state as it is, Alteration() is the baseline.

    The formulas are kept in canonical text, so Alteration("(c)*o") == Alteration("c * o").
    Raises cells.language.formula.FormulaError for anything the language does not know.
    """

    current: str | None = None
    hidden: str | None = None

    def __post_init__(self) -> None:
        for side in ("current", "hidden"):
            text = getattr(self, side)
            if text is not None:
                object.__setattr__(self, side, str(parse(text)))

    @property
    def name(self) -> str:
        """As in Table 1 ("C1", "C1+H2"), else the equations ("c = c * relu(o)"); resolve() reads it back."""
        sides = [("c", self.current, CURRENT), ("h", self.hidden, HIDDEN)]
        altered = [(state, text, table) for state, text, table in sides if text is not None]
        known = [name for _, text, table in altered for name, formula in table.items() if formula == text]
        if len(known) == len(altered):
            return "+".join(known) or "baseline"
        return "; ".join(f"{state} = {text}" for state, text, _ in altered)


def resolve(spec: Spec) -> "Alteration | nn.Module":
    """The alteration a user means by

    - None or "baseline",
    - a name of Table 1 ("C1"), or one for each state ("C1+H2"),
    - equations ("c = c * relu(o); h = h * sigmoid(c)"); without a left-hand side it is c that is altered,
    - an Alteration, or an elementwise nn.Module (c, h, o) -> (c, h), which both come back as they are.

    Raises ValueError (a FormulaError for a formula) or TypeError.
    """
    if spec is None or spec == "baseline":
        return Alteration()
    if isinstance(spec, Alteration):
        return spec
    if isinstance(spec, str):
        names = [name.strip() for name in spec.split("+")]
        if any(re.fullmatch(r"[A-Za-z]\d+", name) for name in names):  # no formula has such a word
            return _from_names(names)
        return _from_equations(spec)

    from torch import nn  # here, because the table is also read where torch is not needed

    if isinstance(spec, nn.Module):
        return spec
    raise TypeError(f"an alteration is a name, a formula or an nn.Module, not a {type(spec).__name__}")


def _from_names(names: list[str]) -> Alteration:
    current = [CURRENT[name] for name in names if name in CURRENT]
    hidden = [HIDDEN[name] for name in names if name in HIDDEN]
    unknown = [name for name in names if name not in CURRENT and name not in HIDDEN]
    if unknown:
        raise ValueError(f"no alteration {unknown[0]!r}, Table 1 has {' '.join([*CURRENT, *HIDDEN])}")
    if len(current) > 1 or len(hidden) > 1:
        raise ValueError(f"{'+'.join(names)!r} alters one state twice, take one C and one H")
    return Alteration(next(iter(current), None), next(iter(hidden), None))


def _from_equations(text: str) -> Alteration:
    formulas: dict[str, str] = {}
    for equation in text.split(";"):
        left, _, right = equation.rpartition("=")
        state = left.strip() or "c"
        if state not in ("c", "h"):
            raise ValueError(f"equation {equation.strip()!r} must begin with 'c =' or 'h ='")
        if state in formulas:
            raise ValueError(f"{text!r} has two equations for {state}")
        formulas[state] = right.strip()
    return Alteration(formulas.get("c"), formulas.get("h"))
