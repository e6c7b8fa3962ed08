"""The alterations of Table 1 and the variants of the cell as data, and the ways to name one or to write another.

An alteration replaces some of the cell's equations, which stand in `cells.equations`. Those of Table 1 replace equation
7, which the paper adds behind the other six:

    CURRENT   current = formula   the c handed to the next step and the final c_n; this step's output is untouched
    HIDDEN    hidden = formula    this step's output, which is also the h handed to the next step

Both read this step's values as equations 1-6 give them: where both are altered, the unaltered c and h. The paper's
sigma_g is the sigmoid and its sigma_c the tanh.
"""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Union

from cells.declared import DECLARED, PROBABILITIES, check_declared
from cells.equations import EQUATIONS, CellEquations, CellError, parsed
from cells.errors import briefly
from cells.language.canonical import canonical_text
from cells.language.tree import Expression, Number, Variable, names_in

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

VARIANTS: dict[str, dict[str, Any]] = {
    # K. Greff et al., "LSTM: A Search Space Odyssey", 2015 (arXiv:1503.04069), section 4 and its names. Their baseline
    # has peepholes, ours none. Their "full gate recurrence" is not here: it multiplies all previous gates by matrices,
    # and equations are elementwise.
    "NIG": {"i": "1"},  # no input gate
    "NFG": {"f": "1"},  # no forget gate
    "NOG": {"o": "1"},  # no output gate
    "NIAF": {"g": "a_g"},  # no input activation function
    "NOAF": {"h": "o * c"},  # no output activation function
    "CIFG": {"f": "1 - i"},  # coupled input and forget gate
    # F. Gers, J. Schmidhuber, "Recurrent nets that time and count", 2000; the cell of Greff's "vanilla" LSTM
    "PEEPHOLES": {
        "i": "sigmoid(a_i + p_i * c_prev)",
        "f": "sigmoid(a_f + p_f * c_prev)",
        "o": "sigmoid(a_o + p_o * c)",
        "learned": {"p_i": 0.0, "p_f": 0.0, "p_o": 0.0},
    },
}

NAMED: dict[str, dict[str, Any]] = {
    **{name: {"current": formula} for name, formula in CURRENT.items()},
    **{name: {"hidden": formula} for name, formula in HIDDEN.items()},
    **VARIANTS,
}
"""Every alteration with a name: the arguments of `Alteration`."""

Spec = Union[str, "Alteration", "nn.Module", None]


@dataclass(frozen=True, init=False, repr=False)
class Alteration:
    """Equations in place of the cell's own; Alteration() is the baseline.

    Args:
        current: the formula of equation 7 for c, as a text or a tree; None leaves this and any other equation as it is.
        hidden: the formula of equation 7 for h.
        learned: names of learned coefficients, which formulas may read, each with its initial value.
        noise: names that are 1 with this probability and 0 otherwise, drawn anew for each step, row and unit; in
            evaluation they are their mean, the probability.
        masks: likewise, drawn once for each row and unit, and the same at all steps.
        zoneout: the probability with which c and h keep their previous value (D. Krueger et al., "Zoneout", 2016).
        recurrent_dropout: the probability with which a unit of h_prev is hidden from W_hh, at all steps of a row
            (Y. Gal, Z. Ghahramani, "A theoretically grounded application of dropout in RNNs", 2016).
        equations: formulas for i, f, g, o, c, h (equations 1-6) and `recurrent`, by name.

    Raises:
        FormulaError: a formula has something that the language does not know.
        CellError: the equations make no cell, or a declaration makes no sense.
    """

    i: Expression | None
    f: Expression | None
    g: Expression | None
    o: Expression | None
    c: Expression | None
    h: Expression | None
    current: Expression | None
    hidden: Expression | None
    recurrent: Expression | None
    learned: tuple[tuple[str, float], ...]
    noise: tuple[tuple[str, float], ...]
    masks: tuple[tuple[str, float], ...]
    zoneout: float | None
    recurrent_dropout: float | None

    def __init__(
        self,
        current: str | Expression | None = None,
        hidden: str | Expression | None = None,
        *,
        learned: Mapping[str, float] | None = None,
        noise: Mapping[str, float] | None = None,
        masks: Mapping[str, float] | None = None,
        zoneout: float | None = None,
        recurrent_dropout: float | None = None,
        **equations: str | Expression | None,
    ) -> None:
        if unknown := equations.keys() - EQUATIONS.keys():
            raise CellError(f"there is no equation {briefly(unknown.pop())}, the equations are {' '.join(EQUATIONS)}.")
        declared = {"learned": learned or {}, "noise": noise or {}, "masks": masks or {}}
        check_declared(declared)
        names = [name for group in declared.values() for name in group]
        given = {"current": current, "hidden": hidden, **equations}
        for equation in EQUATIONS:
            formula = given.get(equation)
            # A tree goes through the parser too, so that only what a user could write becomes an alteration.
            text = canonical_text(formula) if isinstance(formula, Expression) else formula
            own = None if text is None else parsed(equation, text, names)
            # The cell's own equation, written out, alters nothing: current = c is the baseline.
            object.__setattr__(self, equation, None if own == parsed(equation, EQUATIONS[equation], ()) else own)
        for group, values in declared.items():
            object.__setattr__(self, group, tuple((name, float(value)) for name, value in values.items()))
        for key, probability in (("zoneout", zoneout), ("recurrent_dropout", recurrent_dropout)):
            is_number = isinstance(probability, int | float)
            if probability is not None and not (is_number and 0 <= probability < 1):
                raise CellError(f"{key}={probability}: give a probability from 0 to below 1.")
            object.__setattr__(self, key, float(probability) if probability else None)
        read = {name for _, formula in self.cell.formulas for name in names_in(formula)}
        if unread := [name for name in names if name not in read]:
            raise CellError(f"no equation reads {unread[0]}, which is declared: write it into one or leave it out.")

    @functools.cached_property
    def cell(self) -> CellEquations:
        """The altered cell's equations, with what zoneout and recurrent dropout add to them."""
        own = {name: getattr(self, name) for name in EQUATIONS if getattr(self, name) is not None}
        if self.zoneout is not None:
            for state, equation in (("c", "current"), ("h", "hidden")):
                kept, new = Variable(f"zoneout_{state}"), own.get(equation, Variable(state))
                own[equation] = kept * Variable(f"{state}_prev") + (Number(1.0) - kept) * new
        if self.recurrent_dropout is not None:
            shown = own.get("recurrent", Variable("h_prev"))
            own["recurrent"] = Variable("shown") / Number(1.0 - self.recurrent_dropout) * shown  # at its mean: h_prev
        return CellEquations.of(own, dict(self.learned), dict(self.drawn_at_steps), dict(self.drawn_once))

    @property
    def drawn_at_steps(self) -> tuple[tuple[str, float], ...]:
        """Every name of noise that is drawn at each step, with the probability of a 1."""
        return self.noise + tuple((f"zoneout_{s}", self.zoneout) for s in "ch" if self.zoneout is not None)

    @property
    def drawn_once(self) -> tuple[tuple[str, float], ...]:
        """Every name of noise that is drawn once for all steps, with the probability of a 1."""
        dropout = self.recurrent_dropout
        return self.masks if dropout is None else (*self.masks, ("shown", 1.0 - dropout))

    def texts(self) -> dict[str, Any]:
        """Return the differences from the baseline as plain data; "current" and "hidden" are always among them.

        `Alteration(**texts)` makes the same one.
        """
        result: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Expression):
                result[field.name] = canonical_text(value)
            elif value or field.name in ("current", "hidden"):
                result[field.name] = dict(value) if isinstance(value, tuple) else value
        return result

    @property
    def name(self) -> str:
        """As in NAMED ("C1", "C1+H2", "C1+CIFG"), else the equations ("o = sigmoid(a_o + p * c); learn p = 0").

        Zoneout and recurrent dropout follow ("C1; zoneout = 0.1"). resolve() reads every name back.
        """
        everything = {key: value for key, value in self.texts().items() if value is not None}
        left = {key: value for key, value in everything.items() if key not in PROBABILITIES}
        known = []
        for name, arguments in _canonical_arguments().items():
            if all(left.get(key) == value for key, value in arguments.items()):
                known.append(name)
                left = {key: value for key, value in left.items() if key not in arguments}
        shown = {key: value for key, value in everything.items() if left or key in PROBABILITIES}
        named = ["+".join(known)] if known and not left else []
        return "; ".join(named + [part for key, value in shown.items() for part in _spelt(key, value)]) or "baseline"

    def __repr__(self) -> str:
        return f"Alteration({', '.join(f'{key}={value!r}' for key, value in self.texts().items())})"


def resolve(spec: Spec) -> "Alteration | nn.Module":
    """The alteration that a user means.

    Args:
        spec: one of
            - None or "baseline";
            - a name of NAMED ("C1"), or several that replace different equations ("C1+H2", "CIFG+C1");
            - equations ("current = c * relu(o); f = 1 - i"); one without a left-hand side is for `current`; with
              "learn p = 0", "noise z = 0.1", "mask m = 0.9", "zoneout = 0.1" or "recurrent_dropout = 0.25" among them;
            - an Alteration or an elementwise nn.Module (c, h, o) -> (c, h), which are returned as they are.

    Raises:
        FormulaError: a formula cannot be read.
        CellError: there is no such name or equation, or the equations make no cell.
        TypeError: it is none of these.
    """
    if spec is None or spec == "baseline":
        return Alteration()
    if isinstance(spec, Alteration):
        return spec
    if isinstance(spec, str):
        arguments: dict[str, Any] = {}
        for part in spec.strip().rstrip(";").split(";"):
            _join(arguments, _arguments(part.strip()), spec)
        return Alteration(**arguments)

    from torch import nn  # here, because the tables are also read where torch is not needed

    if isinstance(spec, nn.Module):
        return spec
    raise TypeError(f"an alteration is a name, a formula or an nn.Module, not a {type(spec).__name__}")


def _arguments(part: str) -> dict[str, Any]:
    """The arguments of `Alteration` that one part of a text stands for."""
    names = [name.strip() for name in part.split("+")]
    if any(re.fullmatch(r"[A-Z]\w*|[a-z]\d+", name) for name in names):  # no formula can contain such a name
        return _of_names(names)
    left, _, right = part.rpartition("=")
    left, right = left.strip() or "current", right.strip()
    kind, _, name = left.partition(" ")
    for group, word in DECLARED.items():
        if kind == word:
            return {group: {name.strip(): _number(right, part)}}
    if left in PROBABILITIES:
        return {left: _number(right, part)}
    if left not in EQUATIONS:
        known = " ".join(f"{name} =" for name in EQUATIONS)
        raise CellError(f"equation {briefly(part)} must begin with one of {known}")
    return {left: right}


def _of_names(names: list[str]) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    for name in names:
        if name not in NAMED:
            raise CellError(f"no alteration {briefly(name)}, the names are {' '.join(NAMED)}")
        _join(arguments, NAMED[name], "+".join(names))
    return arguments


def _join(arguments: dict[str, Any], more: Mapping[str, Any], text: str) -> None:
    """Add arguments, each of which may be given once; declared names add up."""
    for key, value in more.items():
        if key in DECLARED:
            arguments[key] = {**arguments.get(key, {}), **value}
        elif key in arguments:
            raise CellError(f"{briefly(text)} has two equations for {key}, give one")
        else:
            arguments[key] = value


def _number(text: str, part: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise CellError(f"{briefly(part)} must end in a number") from None


def _spelt(key: str, value: Any) -> list[str]:
    """The parts of a text that stand for one argument of `Alteration`."""
    if key in DECLARED:
        return [f"{DECLARED[key]} {name} = {number:.12g}" for name, number in value.items()]
    return [f"{key} = {value:.12g}" if isinstance(value, float) else f"{key} = {value}"]


@functools.cache
def _canonical_arguments() -> dict[str, dict[str, Any]]:
    """NAMED, as `Alteration.texts` spells it."""
    texts = {name: Alteration(**arguments).texts() for name, arguments in NAMED.items()}
    return {name: {key: value for key, value in own.items() if value is not None} for name, own in texts.items()}
