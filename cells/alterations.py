"""The 17 alterations of the paper's Table 1 as data, and the ways to name one of them or to write another.

An alteration is the paper's equation 7. It follows the cell's own six equations, when this step's gates i f g o
(g is the paper's c~), its "Current" state c and its "Hidden" state h are all computed:

    CURRENT   c <- formula   the c handed to the next step and the final c_n; this step's output is untouched
    HIDDEN    h <- formula   this step's output, which is also the h handed to the next step

Where both are altered, both formulas read the unaltered c and h. The paper's sigma_g is the sigmoid and its
sigma_c the tanh.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Union

from cells.language.canonical import canonical_text
from cells.language.parser import parse
from cells.language.tree import Expression

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


@dataclass(frozen=True, init=False, repr=False)
class Alteration:
    """The formulas for c and h of one cell; None leaves that state as it is, and Alteration() is the baseline.

    Args:
        current: the formula for c, as a text or a tree.
        hidden: the formula for h.

    Raises:
        FormulaError: a formula has something that the language does not know.
    """

    current: Expression | None
    hidden: Expression | None

    def __init__(self, current: str | Expression | None = None, hidden: str | Expression | None = None) -> None:
        for state, formula in (("current", current), ("hidden", hidden)):
            # A tree goes through the parser too, so that only what a user could write becomes an alteration.
            text = canonical_text(formula) if isinstance(formula, Expression) else formula
            object.__setattr__(self, state, None if text is None else parse(text))

    def texts(self) -> dict[str, str | None]:
        """The formulas in canonical text, by "current" and "hidden"; `Alteration(**texts)` makes the same one."""
        formulas = {"current": self.current, "hidden": self.hidden}
        return {state: None if formula is None else canonical_text(formula) for state, formula in formulas.items()}

    @property
    def name(self) -> str:
        """As in Table 1 ("C1", "C1+H2"), else the equations ("c = c * relu(o)"); resolve() reads it back."""
        texts = self.texts()
        sides = [("c", texts["current"], CURRENT), ("h", texts["hidden"], HIDDEN)]
        altered = [(state, text, table) for state, text, table in sides if text is not None]
        known = [name for _, text, table in altered for name, formula in table.items() if formula == text]
        if len(known) == len(altered):
            return "+".join(known) or "baseline"
        return "; ".join(f"{state} = {text}" for state, text, _ in altered)

    def __repr__(self) -> str:
        return f"Alteration({', '.join(f'{state}={text!r}' for state, text in self.texts().items())})"


def resolve(spec: Spec) -> "Alteration | nn.Module":
    """The alteration that a user means.

    Args:
        spec: one of
            - None or "baseline";
            - a name of Table 1 ("C1"), or one for each state ("C1+H2");
            - equations ("c = c * relu(o); h = h * sigmoid(c)"); one without a left-hand side is for c;
            - an Alteration or an elementwise nn.Module (c, h, o) -> (c, h), which are returned as they are.

    Raises:
        ValueError: no such name or equation; a FormulaError if it is the formula that cannot be read.
        TypeError: it is none of these.
    """
    if spec is None or spec == "baseline":
        return Alteration()
    if isinstance(spec, Alteration):
        return spec
    if isinstance(spec, str):
        names = [name.strip() for name in spec.split("+")]
        if any(re.fullmatch(r"[A-Za-z]\d+", name) for name in names):  # no formula can contain such a name
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
